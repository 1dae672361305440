/**
 * The language server: config-lint in an editor. Diagnostics while one types, what a word means, which
 * words may stand at a place, and rewrites. Reads and writes no file: an editor sends texts.
 *
 * Described in: doc/lint.md, "In an editor".
 */

import {
  type CodeAction,
  CodeActionKind,
  type CompletionItem,
  CompletionItemKind,
  createConnection,
  type Diagnostic,
  DiagnosticSeverity,
  DiagnosticTag,
  MarkupKind,
  type Range,
  TextDocumentSyncKind,
  TextDocuments,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  type FileReport,
  type Finding,
  lintFile,
  meaningAt,
  suggestionsAt,
  unitsBefore,
} from "../config/lint/index.ts";
import { FrameGuard } from "./lint-frames.ts";

/** From the last key to a look at the file. */
const pauseMilliseconds = 150;
const source = "conntrackd-lint";
const severities = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  note: DiagnosticSeverity.Information,
} as const;

interface Looked {
  readonly version: number;
  readonly report: FileReport;
}

/** @param protocols Content of the protocols database. */
export function serveEditor(protocols: string | undefined): void {
  const frames = process.stdin.pipe(new FrameGuard());
  frames.on("error", ({ message }) => {
    process.stderr.write(`conntrackd-lint: the editor has sent ${message}\n`);
    process.exit(1);
  });
  const connection = createConnection(frames, process.stdout);
  const documents = new TextDocuments(TextDocument);
  const pauses = new Map<string, ReturnType<typeof setTimeout>>();
  const looked = new Map<string, Looked>();

  const look = (document: TextDocument): FileReport => {
    const known = looked.get(document.uri);
    if (known?.version === document.version) return known.report;
    const bytes = Buffer.from(document.getText());
    const report = lintFile(bytes, { file: document.uri, ...(protocols ? { protocols } : {}) });
    looked.set(document.uri, { version: document.version, report });
    return report;
  };
  const publish = (document: TextDocument) => {
    const report = look(document);
    const diagnostics = report.findings.map((finding) => diagnostic(report, finding, document.uri));
    void connection.sendDiagnostics({ uri: document.uri, version: document.version, diagnostics });
  };

  connection.onInitialize(() => ({
    serverInfo: { name: source },
    capabilities: {
      textDocumentSync: TextDocumentSyncKind.Incremental,
      completionProvider: {},
      hoverProvider: true,
      codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
    },
  }));
  documents.onDidChangeContent(({ document }) => {
    clearTimeout(pauses.get(document.uri));
    pauses.set(
      document.uri,
      setTimeout(() => publish(document), pauseMilliseconds),
    );
  });
  documents.onDidClose(({ document: { uri } }) => {
    clearTimeout(pauses.get(uri));
    pauses.delete(uri);
    looked.delete(uri);
    void connection.sendDiagnostics({ uri, diagnostics: [] });
  });
  connection.onCompletion(({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return [];
    // At every key: the words need no look at the whole file.
    const text = Buffer.from(document.getText()).toString("latin1");
    return suggestionsAt(text, byteOffset(document, document.offsetAt(position))).map(completion);
  });
  connection.onHover(({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return null;
    const report = look(document);
    const { outline, text } = report.inspection;
    const found = meaningAt(outline, text, byteOffset(document, document.offsetAt(position)));
    if (found === undefined) return null;
    const contents = { kind: MarkupKind.Markdown, value: found.help };
    return { contents, range: rangeOf(report, found.offset, found.end) };
  });
  connection.onCodeAction(({ textDocument, range }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return [];
    const report = look(document);
    return report.findings.flatMap((finding) => {
      const { start, end } = rangeOf(report, finding.offset, finding.end);
      const isHere = start.line <= range.end.line && end.line >= range.start.line;
      return isHere ? action(report, finding, textDocument.uri) : [];
    });
  });
  documents.listen(connection);
  connection.listen();
}

function byteOffset(document: TextDocument, units: number): number {
  return Buffer.byteLength(document.getText().slice(0, units));
}

function rangeOf({ inspection }: FileReport, offset: number, end: number): Range {
  const position = (at: number) => ({
    ...{ line: inspection.place(at).line - 1, character: unitsBefore(inspection, at) },
  });
  return { start: position(offset), end: position(Math.max(offset, end)) };
}

function diagnostic(report: FileReport, finding: Finding, uri: string): Diagnostic {
  const { rule, severity, message, reason, advice, related, fix } = finding;
  const range = rangeOf(report, finding.offset, finding.end);
  return {
    ...{ range, source, code: rule, severity: severities[severity] },
    message: `${message}\n${reason}\n${advice}`,
    ...(fix?.isSafe ? { tags: [DiagnosticTag.Deprecated] } : {}),
    ...(related
      ? {
          relatedInformation: [
            {
              location: { uri, range: rangeOf(report, related.offset, related.end) },
              message: related.message,
            },
          ],
        }
      : {}),
  };
}

function completion({
  word,
  help,
  hasBraces,
}: ReturnType<typeof suggestionsAt>[number]): CompletionItem {
  const kind = hasBraces ? CompletionItemKind.Module : CompletionItemKind.Keyword;
  return { label: word, kind, documentation: { kind: MarkupKind.Markdown, value: help } };
}

function action(report: FileReport, finding: Finding, uri: string): CodeAction[] {
  const { fix } = finding;
  if (fix === undefined) return [];
  const edits = fix.edits.map(({ offset, end, text }) => ({
    range: rangeOf(report, offset, end),
    newText: Buffer.from(text, "latin1").toString(),
  }));
  return [
    {
      ...{ title: fix.title, kind: CodeActionKind.QuickFix, isPreferred: fix.isSafe },
      diagnostics: [diagnostic(report, finding, uri)],
      edit: { changes: { [uri]: edits } },
    },
  ];
}
