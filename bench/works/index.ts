/** All works, in the order in which they run. */
import { burstWorks } from "./burst.ts";
import { commandLineWorks } from "./command-line.ts";
import { eventWorks } from "./events.ts";
import { memoryWorks } from "./memory.ts";
import { tableWorks } from "./table.ts";
import type { Work } from "./work.ts";

export const works: readonly Work[] = [
  ...eventWorks,
  ...burstWorks,
  ...tableWorks,
  ...memoryWorks,
  ...commandLineWorks,
];
