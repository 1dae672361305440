/**
 * Sentences of conntrackd.conf: one rule for each clause.
 *
 * One token of lookahead decides everything. After a mistake the recovering parser goes on, so
 * that all mistakes of a file can be shown; what a clause means is none of its business.
 * Described in: the grammar of doc/config.md.
 */

import { CstParser, EOF, type TokenType } from "chevrotain";
import * as t from "./tokens.ts";
import { keyword } from "./tokens.ts";

const states = [
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "LISTEN",
].map(keyword);

class ConfigParser extends CstParser {
  constructor(isRecovering: boolean, isValidating: boolean) {
    super([...t.tokenTypes], {
      recoveryEnabled: isRecovering,
      maxLookahead: 1,
      nodeLocationTracking: "onlyOffset",
      // The grammar is fixed: a test validates it, and a program that starts does not pay for it.
      skipValidations: !isValidating,
    });
    this.performSelfAnalysis();
  }

  readonly file = this.RULE("file", () => {
    this.MANY(() =>
      this.OR([
        { ALT: () => this.SUBRULE(this.general) },
        { ALT: () => this.SUBRULE(this.sync) },
        { ALT: () => this.SUBRULE(this.stats) },
        { ALT: () => this.SUBRULE(this.helper) },
      ]),
    );
    this.CONSUME(EOF);
  });

  // General.
  readonly general = this.block("general", "General", () => [
    ...[this.hashSize, this.hashLimit, this.logFile, this.syslog, this.lockFile, this.unix],
    ...[this.netlinkBufferSize, this.netlinkBufferSizeMaxGrowth, this.eventIterationLimit],
    ...[this.pollSecs, this.netlinkOverrunResync, this.netlinkEventsReliable, this.nice],
    ...[this.scheduler, this.systemd, this.filter],
  ]);
  readonly hashSize = this.clause("hashSize", "HashSize", t.NumberToken);
  readonly hashLimit = this.clause("hashLimit", "HashLimit", t.NumberToken);
  readonly logFile = this.clause("logFile", "LogFile", t.On, t.Off, t.PathName);
  readonly syslog = this.clause("syslog", "Syslog", t.On, t.Off, t.Word);
  readonly lockFile = this.clause("lockFile", "LockFile", t.PathName);
  readonly unix = this.block("unix", "UNIX", () => [this.unixPath, this.unixBacklog]);
  readonly unixPath = this.clause("unixPath", "Path", t.PathName);
  readonly unixBacklog = this.clause("unixBacklog", "Backlog", t.NumberToken);
  readonly netlinkBufferSize = this.clause("netlinkBufferSize", "NetlinkBufferSize", t.NumberToken);
  readonly netlinkBufferSizeMaxGrowth = this.clause(
    "netlinkBufferSizeMaxGrowth",
    "NetlinkBufferSizeMaxGrowth",
    t.NumberToken,
  );
  readonly eventIterationLimit = this.clause(
    "eventIterationLimit",
    "EventIterationLimit",
    t.NumberToken,
  );
  readonly pollSecs = this.clause("pollSecs", "PollSecs", t.NumberToken);
  readonly netlinkOverrunResync = this.clause(
    "netlinkOverrunResync",
    "NetlinkOverrunResync",
    t.On,
    t.Off,
    t.NumberToken,
  );
  readonly netlinkEventsReliable = this.onOff("netlinkEventsReliable", "NetlinkEventsReliable");
  readonly nice = this.clause("nice", "Nice", t.Signed);
  readonly scheduler = this.block("scheduler", "Scheduler", () => [
    this.schedulerType,
    this.schedulerPriority,
  ]);
  readonly schedulerType = this.clause("schedulerType", "Type", t.Word);
  readonly schedulerPriority = this.clause("schedulerPriority", "Priority", t.NumberToken);
  readonly systemd = this.onOff("systemd", "Systemd");

  // Filter.
  readonly filter = this.RULE("filter", () => {
    this.CONSUME(keyword("Filter"));
    this.OPTION(() => {
      this.CONSUME(keyword("From"));
      this.oneOf([keyword("Userspace"), keyword("Kernelspace")]);
    });
    this.braces([this.filterProtocol, this.filterAddress, this.filterState]);
  });
  readonly filterProtocol = this.criterion("filterProtocol", "Protocol", () => [
    this.filterProtocolName,
  ]);
  readonly filterProtocolName = this.RULE("filterProtocolName", () => {
    this.oneOf([t.Word, keyword("TCP"), keyword("UDP")]);
  });
  readonly filterAddress = this.criterion("filterAddress", "Address", () => [
    this.filterIpv4,
    this.filterIpv6,
  ]);
  readonly filterIpv4 = this.clause("filterIpv4", "IPv4_address", t.Ip);
  readonly filterIpv6 = this.clause("filterIpv6", "IPv6_address", t.Ip);
  readonly filterState = this.criterion("filterState", "State", () => [this.filterStateGroup]);
  readonly filterStateGroup = this.RULE("filterStateGroup", () => {
    this.MANY(() => this.oneOf(states));
    this.CONSUME(keyword("for"));
    this.CONSUME(keyword("TCP"));
  });

  // Sync.
  readonly sync = this.block("sync", "Sync", () => [
    ...[this.refreshTime, this.cacheTimeout, this.commitTimeout, this.purgeTimeout],
    ...[this.multicast, this.udp, this.tcp, this.mode, this.options],
  ]);
  readonly refreshTime = this.clause("refreshTime", "RefreshTime", t.NumberToken);
  readonly cacheTimeout = this.clause("cacheTimeout", "CacheTimeout", t.NumberToken);
  readonly commitTimeout = this.clause("commitTimeout", "CommitTimeout", t.NumberToken);
  readonly purgeTimeout = this.clause("purgeTimeout", "PurgeTimeout", t.NumberToken);
  readonly mode = this.RULE("mode", () => {
    this.CONSUME(keyword("Mode"));
    this.OR([
      { ALT: () => this.SUBRULE(this.alarm) },
      { ALT: () => this.SUBRULE(this.ftfw) },
      { ALT: () => this.SUBRULE(this.notrack) },
    ]);
  });
  readonly alarm = this.block("alarm", t.Alarm, () => [
    ...[this.refreshTime, this.cacheTimeout, this.commitTimeout, this.purgeTimeout],
  ]);
  readonly ftfw = this.block("ftfw", t.Ftfw, () => [
    ...[this.commitTimeout, this.purgeTimeout, this.resendQueueSize, this.ackWindowSize],
    ...[this.disableExternalCache, this.startupResync],
  ]);
  readonly notrack = this.block("notrack", t.Notrack, () => [
    ...[this.commitTimeout, this.purgeTimeout, this.disableInternalCache],
    ...[this.disableExternalCache, this.startupResync],
  ]);
  readonly resendQueueSize = this.clause("resendQueueSize", "ResendQueueSize", t.NumberToken);
  readonly ackWindowSize = this.clause("ackWindowSize", "ACKWindowSize", t.NumberToken);
  readonly disableInternalCache = this.onOff("disableInternalCache", "DisableInternalCache");
  readonly disableExternalCache = this.onOff("disableExternalCache", "DisableExternalCache");
  readonly startupResync = this.onOff("startupResync", "StartupResync");
  readonly options = this.block("options", "Options", () => [
    this.tcpWindowTracking,
    this.expectationSync,
  ]);
  readonly tcpWindowTracking = this.onOff("tcpWindowTracking", "TCPWindowTracking");
  readonly expectationSync = this.RULE("expectationSync", () => {
    this.CONSUME(keyword("ExpectationSync"));
    this.OR([
      { ALT: () => this.CONSUME(t.On) },
      { ALT: () => this.CONSUME(t.Off) },
      { ALT: () => this.SUBRULE(this.expectationHelpers) },
    ]);
  });
  readonly expectationHelpers = this.RULE("expectationHelpers", () =>
    this.braces([this.expectationHelper]),
  );
  readonly expectationHelper = this.RULE("expectationHelper", () => {
    this.CONSUME(t.Word);
  });

  // Links.
  readonly multicast = this.link("multicast", "Multicast", () => [
    ...[this.multicastIpv4, this.multicastIpv6, this.ipv4Interface, this.ipv6Interface],
    ...[this.linkInterface, this.group, this.sndSocketBuffer, this.rcvSocketBuffer, this.checksum],
  ]);
  readonly udp = this.link("udp", "UDP", () => this.unicast());
  readonly tcp = this.link("tcp", "TCP", () => [...this.unicast(), this.errorQueueLength]);
  readonly multicastIpv4 = this.clause("multicastIpv4", "IPv4_address", t.Ip);
  readonly multicastIpv6 = this.clause("multicastIpv6", "IPv6_address", t.Ip);
  readonly ipv4Interface = this.clause("ipv4Interface", "IPv4_interface", t.Ip);
  readonly ipv6Interface = this.clause("ipv6Interface", "IPv6_interface", t.Ip);
  readonly group = this.clause("group", "Group", t.NumberToken);
  readonly localIpv4 = this.clause("localIpv4", "IPv4_address", t.Ip);
  readonly localIpv6 = this.clause("localIpv6", "IPv6_address", t.Ip);
  readonly peerIpv4 = this.clause("peerIpv4", "IPv4_Destination_Address", t.Ip);
  readonly peerIpv6 = this.clause("peerIpv6", "IPv6_Destination_Address", t.Ip);
  readonly linkInterface = this.clause("linkInterface", "Interface", t.Word);
  readonly port = this.clause("port", "Port", t.NumberToken);
  readonly sndSocketBuffer = this.clause("sndSocketBuffer", "SndSocketBuffer", t.NumberToken);
  readonly rcvSocketBuffer = this.clause("rcvSocketBuffer", "RcvSocketBuffer", t.NumberToken);
  readonly checksum = this.onOff("checksum", "Checksum");
  readonly errorQueueLength = this.clause("errorQueueLength", "ErrorQueueLength", t.NumberToken);

  // Stats.
  readonly stats = this.block("stats", "Stats", () => [this.statsLogFile, this.statsSyslog]);
  readonly statsLogFile = this.clause("statsLogFile", "LogFile", t.On, t.Off, t.PathName);
  readonly statsSyslog = this.clause("statsSyslog", "Syslog", t.On, t.Off, t.Word);

  // Helper. A `Type` inside a `Type` is legal, an accident of the language.
  readonly helper = this.block("helper", "Helper", () => [...this.helperItems(), this.setup]);
  readonly setup = this.onOff("setup", "Setup");
  readonly helperType = this.RULE("helperType", () => {
    this.CONSUME(keyword("Type"));
    this.CONSUME1(t.Word);
    this.CONSUME2(t.Word);
    this.CONSUME3(t.Word);
    this.braces(this.helperItems());
  });
  readonly queueNum = this.clause("queueNum", "QueueNum", t.NumberToken);
  readonly queueLen = this.clause("queueLen", "QueueLen", t.NumberToken);
  readonly policy = this.RULE("policy", () => {
    this.CONSUME(keyword("Policy"));
    this.CONSUME(t.Word);
    this.braces([this.expectMax, this.expectTimeout]);
  });
  readonly expectMax = this.clause("expectMax", "ExpectMax", t.NumberToken);
  readonly expectTimeout = this.clause("expectTimeout", "ExpectTimeout", t.NumberToken);

  /** What a UDP and a TCP link have in common. */
  private unicast(): Rule[] {
    return [
      ...[this.localIpv4, this.localIpv6, this.peerIpv4, this.peerIpv6, this.linkInterface],
      ...[this.port, this.sndSocketBuffer, this.rcvSocketBuffer, this.checksum],
    ];
  }

  private helperItems(): Rule[] {
    return [this.helperType, this.queueNum, this.queueLen, this.policy];
  }

  /** A keyword and one value. */
  private clause(name: string, spelling: string, ...values: TokenType[]): Rule {
    return this.RULE(name, () => {
      this.CONSUME(keyword(spelling));
      this.oneOf(values);
    });
  }

  private onOff(name: string, spelling: string): Rule {
    return this.clause(name, spelling, t.On, t.Off);
  }

  /** A keyword and items in braces. The rules are asked for late: they may be defined further down. */
  private block(name: string, opening: string | TokenType, items: () => Rule[]): Rule {
    const first = typeof opening === "string" ? keyword(opening) : opening;
    return this.RULE(name, () => {
      this.CONSUME(first);
      this.braces(items());
    });
  }

  private criterion(name: string, spelling: string, items: () => Rule[]): Rule {
    return this.RULE(name, () => {
      this.CONSUME(keyword(spelling));
      this.oneOf([keyword("Accept"), keyword("Ignore")]);
      this.braces(items());
    });
  }

  private link(name: string, spelling: string, items: () => Rule[]): Rule {
    return this.RULE(name, () => {
      this.CONSUME(keyword(spelling));
      this.OPTION(() => this.CONSUME(keyword("Default")));
      this.braces(items());
    });
  }

  private braces(items: Rule[]): void {
    const alternatives = items.map((rule) => ({ ALT: () => this.SUBRULE(rule) }));
    this.CONSUME(t.LeftBrace);
    // Alone, an item needs no choice.
    this.MANY(() => (alternatives.length === 1 ? alternatives[0]?.ALT() : this.OR9(alternatives)));
    this.CONSUME(t.RightBrace);
  }

  private oneOf(types: readonly TokenType[]): void {
    const [only] = types;
    if (types.length === 1 && only !== undefined) this.CONSUME(only);
    else this.OR8(types.map((type) => ({ ALT: () => this.CONSUME(type) })));
  }
}

type Rule = ReturnType<CstParser["RULE"]>;

export type { ConfigParser };

/** Analysing the grammar takes some milliseconds: a program makes one parser. */
export function createParser(isRecovering: boolean, isValidating = false): ConfigParser {
  return new ConfigParser(isRecovering, isValidating);
}
