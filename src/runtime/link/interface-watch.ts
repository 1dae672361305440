/** Hears from the kernel when an interface goes up or down, gets or loses its carrier, comes or goes. */
import { NETLINK_ROUTE } from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import { type LinkNews, RTMGRP_LINK, readLinkNews } from "../../netlink/rtnetlink.ts";
import { ENOBUFS, MessageReader, openNetlink } from "../netlink-socket.ts";

/** News of an interface is some 1.5 KiB, one message a datagram. */
const SLOT_BYTES = 16384;
const SLOTS = 16;

export class InterfaceWatch {
  readonly #reader: MessageReader;
  readonly #poll: native.Poll;

  /**
   * `onNews` once for each interface that the kernel speaks of, then `onEnd`. `onOverrun`: something was
   * lost, so ask for what matters. @throws SystemError
   */
  constructor(on: {
    readonly onNews: (news: LinkNews) => void;
    readonly onEnd: () => void;
    readonly onOverrun: () => void;
  }) {
    const { fd } = openNetlink(RTMGRP_LINK, NETLINK_ROUTE);
    this.#reader = new MessageReader(fd, SLOT_BYTES, SLOTS);
    this.#poll = new native.Poll(fd, () => {
      const count = this.#reader.read((bytes, at, end) => {
        const news = readLinkNews(bytes, at, end);
        if (news !== undefined) on.onNews(news);
      });
      if (count === ENOBUFS) on.onOverrun();
      on.onEnd();
    });
  }

  start(): void {
    this.#poll.start(native.READABLE);
  }

  close(): void {
    this.#poll.close();
  }
}
