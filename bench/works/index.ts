/** All works, in the order in which they run. */

import { allocationWorks } from "./allocation.ts";
import { burstWorks } from "./burst.ts";
import { clientWorks } from "./client.ts";
import { commandLineWorks } from "./command-line.ts";
import { eventWorks } from "./events.ts";
import { followingWorks } from "./following.ts";
import { growthWorks } from "./growth.ts";
import { latencyWorks } from "./latency.ts";
import { memoryWorks } from "./memory.ts";
import { stallWorks } from "./stalls.ts";
import { tableWorks } from "./table.ts";
import type { Work } from "./work.ts";

export const works: readonly Work[] = [
  ...eventWorks,
  ...burstWorks,
  ...tableWorks,
  ...clientWorks,
  ...memoryWorks,
  ...latencyWorks,
  ...stallWorks,
  ...growthWorks,
  ...allocationWorks,
  ...commandLineWorks,
  ...followingWorks,
];
