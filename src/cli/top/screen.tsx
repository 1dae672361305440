/**
 * The screen of `conntrack top`: it draws what a look has found, and tells what keys ask for.
 *
 * Described in: doc/conntrack.md, "Top".
 */
import { Box, Text, useApp, useInput, useStdout } from "ink";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { pressed, type ScreenState } from "./keys.ts";
import type { Picture, Row, View } from "./look.ts";
import { countText, cut, groupedText, rateText, sizeText } from "./words.ts";

/** Lines that are no rows: title, totals, states, a blank, the head; filter and keys; the last one of the terminal. */
const FRAME_LINES = 8;
const NUMBER_WIDTH = 13;

/** The way between the screen and whoever looks at the table. */
export interface Feed {
  /** Called with the screen's answer to every picture, and at once with the last one. */
  subscribe(listener: (picture: Picture) => void): () => void;
  /** Something else is wanted now. */
  ask(state: ScreenState, rows: number): void;
}

export interface ScreenProps {
  readonly feed: Feed;
  readonly initial: ScreenState;
  /** Said at the top where the kernel counts nothing. */
  readonly notice: string | undefined;
}

export function Screen({ feed, initial, notice }: ScreenProps): ReactNode {
  const { columns, lines } = useSize();
  const [state, setState] = useState(initial);
  const [picture, setPicture] = useState<Picture>();
  const { exit } = useApp();
  // Another function each time: an effect must not follow from that.
  const leave = useRef(exit);
  leave.current = exit;
  useInput((input, key) => setState((before) => pressed(before, input, key)));
  useEffect(() => feed.subscribe(setPicture), [feed]);
  const rows = Math.max(0, lines - FRAME_LINES - (notice === undefined ? 0 : 1));
  useEffect(() => {
    if (state.isOver) leave.current();
    else feed.ask(state, rows);
  }, [feed, state, rows]);
  // One line less than there are: a full screen would be drawn anew as a whole each time.
  return (
    <Box flexDirection="column" width={columns} height={lines - 1}>
      <Title picture={picture} isPaused={state.isPaused} width={columns} />
      {notice === undefined ? null : (
        <Text color="yellow" wrap="truncate-end">
          {notice}
        </Text>
      )}
      <Totals picture={picture} />
      <Kinds picture={picture} />
      <Text> </Text>
      <Table picture={picture} state={state} rows={rows} width={columns} />
      <Box flexGrow={1} />
      <Foot state={state} picture={picture} />
    </Box>
  );
}

function useSize(): { columns: number; lines: number } {
  const { stdout } = useStdout();
  const measure = () => ({ columns: stdout.columns || 80, lines: stdout.rows || 24 });
  const [size, setSize] = useState(measure);
  useEffect(() => {
    const resized = () => setSize(measure());
    stdout.on("resize", resized);
    return () => void stdout.off("resize", resized);
  });
  return size;
}

function Title({
  picture,
  isPaused,
  width,
}: {
  picture: Picture | undefined;
  isPaused: boolean;
  width: number;
}): ReactNode {
  const flows = picture === undefined ? "reading the table" : `${groupedText(picture.flows)} flows`;
  return (
    <Text inverse wrap="truncate-end">
      {cut(` conntrack top   ${flows}${isPaused ? "   paused" : ""}`, width)}
    </Text>
  );
}

function Totals({ picture }: { picture: Picture | undefined }): ReactNode {
  if (picture === undefined || picture.seconds === 0) return <Text> </Text>;
  const { begun = 0, ended = 0, seconds, freshBytes, freshPackets } = picture;
  return (
    <Text wrap="truncate-end">
      <Text bold>{rateText(freshBytes / seconds)}</Text>
      {`   ${countText(freshPackets / seconds)} packets/s   `}
      <Text color="green">{`+${countText(begun / seconds)}`}</Text>{" "}
      <Text color="red">{`−${countText(ended / seconds)}`}</Text>
      {" flows/s"}
      {picture.shown === picture.flows ? "" : `   ${groupedText(picture.shown)} match`}
      {picture.isPartial ? "   too many hosts: some are left out" : ""}
    </Text>
  );
}

function Kinds({ picture }: { picture: Picture | undefined }): ReactNode {
  const words = (picture?.kinds ?? []).map(([name, flows]) => `${name} ${groupedText(flows)}`);
  return <Text wrap="truncate-end">{words.join("  ") || " "}</Text>;
}

const HEADS: Readonly<Record<View, string>> = {
  flows: "FLOW",
  sources: "SOURCE",
  destinations: "DESTINATION",
};

function Table({
  picture,
  state,
  rows,
  width,
}: {
  picture: Picture | undefined;
  state: ScreenState;
  rows: number;
  width: number;
}): ReactNode {
  const { view, sort } = state;
  const second = view === "flows" ? "STATE" : "FLOWS";
  const head = (name: string, mine: boolean) => cut(mine ? `${name} ▼` : name, NUMBER_WIDTH);
  const title =
    head("RATE", sort === "rate") +
    head("BYTES", sort === "bytes") +
    head("PACKETS", sort === "packets") +
    cut(sort === "flows" ? `${second} ▼` : second, secondWidth(view)) +
    HEADS[view];
  const shown = (picture?.rows ?? []).slice(0, rows);
  return (
    <>
      <Text bold wrap="truncate-end">
        {title}
      </Text>
      {shown.map((row) => (
        <Text key={`${row.name} ${row.kind}`} wrap="truncate-end">
          {cut(rowText(row, view, picture?.seconds ?? 0), width)}
        </Text>
      ))}
    </>
  );
}

const secondWidth = (view: View) => (view === "flows" ? 18 : NUMBER_WIDTH);

function rowText(row: Row, view: View, seconds: number): string {
  const rate = seconds === 0 ? "" : rateText(row.fresh / seconds);
  const second = view === "flows" ? row.kind : groupedText(row.flows);
  return (
    cut(rate, NUMBER_WIDTH) +
    cut(sizeText(row.bytes), NUMBER_WIDTH) +
    cut(countText(row.packets), NUMBER_WIDTH) +
    cut(second, secondWidth(view)) +
    row.name
  );
}

function Foot({ state, picture }: { state: ScreenState; picture: Picture | undefined }): ReactNode {
  const { isTyping, filter } = state;
  const nothing = filter !== "" && picture?.shown === 0 ? "   no flow matches" : "";
  return (
    <>
      <Text wrap="truncate-end">
        {isTyping || filter !== "" ? `filter: ${filter}${isTyping ? "█" : ""}${nothing}` : " "}
      </Text>
      <Text dimColor wrap="truncate-end">
        {isTyping
          ? "words as -L prints them; Enter keeps them, Esc drops them"
          : "q quit   / filter   Tab flows, sources, destinations   s sort   p pause   Esc no filter"}
      </Text>
    </>
  );
}
