/** What diagrams.ts uses of the package, which brings no types. */
declare module "@prantlf/railroad-diagrams" {
  class Node {}
  export class Terminal extends Node {
    constructor(text: string);
  }
  export class NonTerminal extends Node {
    constructor(text: string);
  }
  export class Sequence extends Node {
    constructor(...items: Node[]);
  }
  export class Choice extends Node {
    constructor(usual: number, ...items: Node[]);
  }
  export class Optional extends Node {
    constructor(item: Node);
  }
  export class ZeroOrMore extends Node {
    constructor(item: Node);
  }
  export class Diagram extends Node {
    constructor(...items: Node[]);
    toString(): string;
  }
}
