import { basename } from 'node:path';
import type { JsonObject } from '../../json/json.ts';
import type { ReadFile } from '../read-file.ts';
import type { Fault, Note } from '../schema/fault.ts';

/**
 * The purpose of a file of a fast-agent project. `python` defines agents in code, which is never
 * run here.
 */
export type SourceKind = 'config' | 'secrets' | 'card' | 'tool-card' | 'python';

/** A file: its name in messages and its text. */
export type ProjectSource = { kind: SourceKind; name: string; text: string };

/** A fast-agent project as it was read from disk. */
export type Project = {
  /** The name of the system. */
  name: string;
  files: readonly ProjectSource[];
  /**
   * Returns the text of an included file by its path in the project, or undefined if it cannot be
   * read.
   */
  include: (path: string) => string | undefined;
};

/** The faults of an import, and the notes about everything that was left out. */
export type Findings = { notes: Note[]; faults: (Fault & { file: string })[] };

/** The mapping of one file, with the places of its keys. */
export type Mapping = { file: string; read: ReadFile; data: JsonObject };

/** An agent card: its front matter, and its body if the file is Markdown. */
export type Card = Mapping & {
  name: string;
  isTool: boolean;
  /** The body of a Markdown file. `line` is its first line, counted from one. */
  body?: { text: string; line: number };
};

/** The decorators of fast-agent: `@fast.agent(`, `@app.evaluator_optimizer(`. */
const DECORATOR =
  /^[ \t]*@\w+\.(agent|custom|chain|parallel|router|orchestrator|iterative_planner|evaluator_optimizer|maker|a2a)\s*\(/gm;
/** The imports of fast-agent. Files without them may have decorators of the same names. */
const IMPORTS = /^[ \t]*(from|import)\s+(mcp_agent|fast_agent)\b/m;

/** Returns whether a Python file defines agents of fast-agent. */
export function definesAgents(text: string): boolean {
  return IMPORTS.test(text) && text.search(DECORATOR) >= 0;
}

/**
 * Reports agents that are defined in Python. Python is not run here, and fast-agent can write their
 * cards.
 */
export function pythonAgents({ name: file, text }: ProjectSource): Note[] {
  return [...text.matchAll(DECORATOR)].map((match) => {
    const before = text.slice(0, match.index).split('\n');
    const indent = /^[ \t]*/.exec(match[0])?.[0].length ?? 0;
    const message = `${match[1]} in Python, which is not executed: python ${basename(file)} --dump-agents DIR writes its card`;
    return { file, line: before.length, column: indent + 1, message };
  });
}
