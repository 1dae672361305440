/** The dedicated links of a configuration; what keeps them from being opened, in the reference's words. */
import type { Config } from "../../config/index.ts";
import { linkOptions } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { SystemError } from "../system-error.ts";
import { DedicatedLinks, type DedicatedLinksOptions } from "./dedicated-links.ts";

/** @throws StartError */
export function openLinks(
  config: Config,
  events: Omit<DedicatedLinksOptions, "links" | "first">,
): DedicatedLinks {
  const { links, defaultLink } = config.sync;
  if (links.length === 0) {
    throw refused("No such file or directory", "the Sync section has no dedicated link");
  }
  const options = links.map((link) => {
    if (link.family === null) {
      const detail = "a dedicated link has no valid address";
      throw refused("Address family not supported by protocol", detail);
    }
    return linkOptions(config, link, link.family);
  });
  try {
    return new DedicatedLinks({ links: options, first: defaultLink, ...events });
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw refused(error.reason);
  }
}

function refused(reason: string, detail?: string): StartError {
  return new StartError(`can't open channel socket: ${reason}`, {
    isInitialization: true,
    ...(detail === undefined ? {} : { detail }),
  });
}
