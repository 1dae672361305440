/**
 * Runs command lines twice, with the reference and with ours, on the same table: one namespace for a few cases, filled
 * anew by the reference before each run, so that even the order of the kernel's dumps is the same. One shell does
 * it all for a namespace, because a process of the reference takes less time than a call from here.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "../../lab/conntrackd.ts";
import { findProgram, isExecutable, Lab, type Namespace } from "../../lab/netns.ts";
import { type CliCase, type CliTable, readTable, splitWords, type Word } from "./cli-cases.ts";

/** What a program has said, and what the tables hold afterwards. */
export interface Spoken {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly after: string;
}

export interface Both {
  readonly reference: Spoken;
  readonly ours: Spoken;
}

export interface WorkbenchOptions {
  /** The program to compare with the reference, by its name. */
  readonly ours: (program: string) => string;
  /** Where the tables are. */
  readonly tables: string;
}

const SIDES = ["reference", "ours"] as const;
const CHUNK = 24;
const BENCHES = 2;
const CHUNK_TIMEOUT_MS = 300_000;

/** The reference's program, or undefined where it is not installed. */
export const findReference = (program: string) => findProgram(program);

/** Our program: `CONNTRACK` or `NFCT` in the environment, or that of the tree. Undefined where it is not built. */
export function findOurs(program: string): string | undefined {
  const path = process.env[program.toUpperCase()] ?? join(projectRoot, "bin", program);
  return isExecutable(path) ? path : undefined;
}

/** Runs all cases and resolves with what both have said, by the place of the case. */
export async function runCases(
  cases: readonly CliCase[],
  options: WorkbenchOptions,
): Promise<Map<string, Both>> {
  const chunks = divide(cases);
  const results = new Map<string, Both>();
  const lab = Lab.create();
  try {
    const work = async () => {
      for (let next = chunks.shift(); next !== undefined; next = chunks.shift()) {
        for (const [at, both] of await runChunk(lab, next, options)) results.set(at, both);
      }
    };
    await Promise.all(Array.from({ length: BENCHES }, work));
  } finally {
    lab.destroy();
  }
  return results;
}

/** Cases with the same table and program, a few at a time. */
function divide(cases: readonly CliCase[]): CliCase[][] {
  const open = new Map<string, CliCase[]>();
  const chunks: CliCase[][] = [];
  for (const each of cases) {
    const kind = `${each.program} ${each.table}`;
    let chunk = open.get(kind);
    if (chunk === undefined || chunk.length === CHUNK) {
      chunk = [];
      chunks.push(chunk);
      open.set(kind, chunk);
    }
    chunk.push(each);
  }
  return chunks;
}

let benchCount = 0;

async function runChunk(
  lab: Lab,
  cases: readonly CliCase[],
  options: WorkbenchOptions,
): Promise<[string, Both][]> {
  benchCount += 1;
  const label = `bench${benchCount}`;
  const dir = join(lab.dir, label);
  const namespace = await lab.namespace(label);
  const { table, program } = cases[0]!;
  preparePrograms(dir, program, options);
  const work = join(dir, "work");
  mkdirSync(work);
  for (const [number, each] of cases.entries()) {
    write(join(dir, `${number}.in`), each.stdin ?? "");
    for (const [name, text] of Object.entries(each.files)) write(join(work, name), text);
  }
  const rules = readTable(join(options.tables, `${table}.table`));
  writeEtc(dir, rules);
  write(join(dir, "batch"), `${rules.batch.join("\n")}\n`);
  write(join(dir, "script"), script(dir, cases, rules));
  await runScript(namespace, dir);
  const spoken = (side: string, number: number): Spoken => {
    const read = (kind: string) => readFileSync(join(dir, side, `${number}.${kind}`), "latin1");
    return {
      status: Number(read("status")),
      stdout: read("out"),
      stderr: read("err"),
      after: read("after"),
    };
  };
  return cases.map(({ at }, number) => [
    at,
    { reference: spoken("reference", number), ours: spoken("ours", number) },
  ]);
}

/** Bytes are characters of Latin-1 all the way. */
function write(path: string, text: string): void {
  writeFileSync(path, text, "latin1");
}

function writeEtc(dir: string, { etc }: CliTable): void {
  mkdirSync(join(dir, "etc"));
  for (const [name, text] of Object.entries(etc)) {
    const path = join(dir, "etc", name);
    mkdirSync(dirname(path), { recursive: true });
    write(path, text);
  }
}

/** Each side finds its program by name, so that both see the same first word. */
function preparePrograms(dir: string, program: string, { ours }: WorkbenchOptions): void {
  for (const side of SIDES) mkdirSync(join(dir, side, "bin"), { recursive: true });
  const reference = findReference(program) ?? program;
  symlinkSync(reference, join(dir, "reference", "bin", program));
  symlinkSync(ours(program), join(dir, "ours", "bin", program));
}

async function runScript(namespace: Namespace, dir: string): Promise<void> {
  const argv = ["unshare", "--mount", "bash", join(dir, "script")];
  const { status, stderr } = await namespace.run(argv, { timeoutMs: CHUNK_TIMEOUT_MS });
  const complaints = readFileSync(join(dir, "complaints"), "utf8");
  if (status !== 0 || complaints !== "") {
    throw new Error(`the table cannot be made: ${status} ${complaints} ${stderr}`);
  }
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
const shellWord = (word: Word) =>
  typeof word === "string" ? quote(word) : `"$(entry_id ${word.idOf.map(quote).join(" ")})"`;

/** What every script begins with. `listening` finds the netfilter socket that has joined a group of events. */
const PROLOGUE = `
if [ -n "$(ls $dir/etc)" ]; then
  mkdir $dir/over && mount -t tmpfs none $dir/over && mkdir $dir/over/work
  cp -r $dir/etc $dir/over/upper
  mount -t overlay none -o lowerdir=/etc,upperdir=$dir/over/upper,workdir=$dir/over/work /etc
fi
begin() {
  side=$dir/$1
  cd $dir/work
  export PATH=$side/bin:$path
  hash -r
  [ $dirty = 0 ] || fill >>$dir/complaints 2>&1
  dirty=0
}
# Table and words about it, where the case may have changed it: not when it only lists, or was refused at once.
conclude() {
  local status=$?
  cd $side
  echo $status >$1.status
  if [ $status = 2 ] || [ -n "$2" ]; then entries; else watch; dirty=1; fi >$1.after 2>&1
}
entries() {
  read -r count </proc/sys/net/netfilter/nf_conntrack_count
  echo $count
}
entry_id() {
  $reference/conntrack -L "$@" -o id 2>/dev/null | sed -n 's/.* id=\\([0-9]*\\).*/\\1/p' | head -1
}
listening() {
  while read -r _ family _ groups queued _; do
    [ $family = 12 ] && [ $groups != 00000000 ] && return
  done </proc/net/netlink
  return 1
}
is_idle() {
  [[ $queued = 0 && $(</proc/$1/stat) =~ \\)\\ S\\  ]]
}
follow() {
  dirty=1
  for ((i = 0; i < 1000; i++)); do
    listening && return
    kill -0 $1 2>/dev/null || return
    sleep 0.01
  done
}
finish() {
  for ((i = 0, quiet = 0; i < 1000 && quiet < 3; i++)); do
    listening || break
    if is_idle $1; then ((quiet += 1)); else quiet=0; fi
    sleep 0.01
  done
  kill -$2 $1 2>/dev/null
  for ((i = 0; i < 1000; i++)); do
    kill -0 $1 2>/dev/null || break
    sleep 0.01
  done
  kill -KILL $1 2>/dev/null
  wait $1
}`;

function script(dir: string, cases: readonly CliCase[], table: CliTable): string {
  const reference = dirname(findReference("conntrack") ?? "");
  const runs = cases.flatMap((each, number) =>
    SIDES.map((side) => {
      const end = mayAlter(each) ? `conclude ${number}` : `conclude ${number} entries`;
      return `begin ${side}\n${runOne(each, number)}\n${end}`;
    }),
  );
  return `dir=${quote(dir)} reference=${quote(reference)} path=$PATH dirty=1
export TZ=UTC LC_ALL=C
${PROLOGUE}
{
true
${table.once.join("\n")}
} >$dir/complaints 2>&1
fill() {
  $reference/conntrack -F 2>/dev/null && $reference/conntrack -F expect 2>/dev/null
  $reference/conntrack -R $dir/batch
  ${table.fill.join("\n  ")}
}
watch() {
  ${table.watch.join("\n  ")}
}
${runs.join("\n")}
`;
}

/** True for a command line that may change a table; the others only list or complain. */
function mayAlter({ program, words, meanwhile }: CliCase): boolean {
  if (program !== "conntrack" || meanwhile !== undefined) return true;
  return words.some(
    (word) => typeof word === "string" && /^(-[^-]*[DIAUFRz]|--[dcauflz])/.test(word),
  );
}

/** Runs one program in the folder of its side. Its words, streams and status carry the case's number. */
function runOne({ program, words, ...each }: CliCase, number: number): string {
  const without =
    each.without === undefined ? "" : `setpriv --bounding-set=-${each.without} --inh-caps=-all `;
  const command = `${without}${[program, ...words.map(shellWord)].join(" ")}`;
  const streams = `<$dir/${number}.in >$side/${number}.out 2>$side/${number}.err`;
  if (each.meanwhile === undefined) {
    return `timeout -k 1 20 ${command} ${streams}`;
  }
  const meanwhile = each.meanwhile.map(
    (line) => `$reference/conntrack ${splitWords(line).map(shellWord).join(" ")} >/dev/null 2>&1`,
  );
  return `env --default-signal=INT ${command} ${streams} &
follow $!
${meanwhile.join("\n")}
finish $! ${each.end}`;
}
