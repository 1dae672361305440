import { defineConfig } from "vitest/config";

const project = (name: string, include: string[], timeoutSeconds = 10) => ({
  test: {
    name,
    include,
    testTimeout: timeoutSeconds * 1000,
    hookTimeout: timeoutSeconds * 1000,
  },
});

/** Namespace tests start daemons and real traffic: one file at a time, so that a slow machine does not make them fail. */
const serial = (name: string, include: string[]) => ({
  test: { ...project(name, include, 120).test, fileParallelism: false },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", ["{src,grammar,native,lab}/**/*.test.ts", "test/*.test.ts"]),
      project("scenario", ["test/scenario/**/*.test.ts"]),
      project("simulation", ["test/simulation/**/*.test.ts"], 60),
      project("fuzz", ["test/fuzz/**/*.test.ts"], 60),
      serial("differential", ["test/differential/**/*.test.ts"]),
      serial("netns", ["test/netns/**/*.test.ts"]),
    ],
  },
});
