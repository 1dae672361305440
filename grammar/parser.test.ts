import { Lexer } from "chevrotain";
import { describe, expect, it } from "vitest";
import { createParser } from "./parser.ts";
import { tokenTypes } from "./tokens.ts";

describe("the grammar, which programs load without validating it", () => {
  it("has no ambiguity, no left recursion and no alternative that cannot be reached", () => {
    expect(() => createParser(true, true)).not.toThrow();
  });

  it("has a lexer without mistakes of definition", () => {
    const lexer = new Lexer([...tokenTypes], { positionTracking: "onlyOffset" });
    expect(lexer.lexerDefinitionErrors).toEqual([]);
  });
});
