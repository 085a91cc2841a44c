import { basename } from 'node:path';
import type { JsonObject } from '../../json/json.ts';
import type { ReadFile } from '../read-file.ts';
import type { Fault, Place } from '../schema/fault.ts';

/** What a file of a fast-agent project is for. `python` defines agents in code, which is never run here. */
export type SourceKind = 'config' | 'secrets' | 'card' | 'tool-card' | 'python';

/** A file by what it is called in messages, and its text. */
export type Source = { kind: SourceKind; name: string; text: string };

/** A fast-agent project as it was read from disk. */
export type Project = {
  /** What the system is called. */
  name: string;
  files: readonly Source[];
  /** The text of a file an instruction includes, by its path in the project; undefined when there is none to be read. */
  include: (path: string) => string | undefined;
};

/** One thing that could not be carried over, and where it stands. */
export type Note = Place & { file: string; message: string };

/** What an import comes to: all that is wrong, and all that is left behind. */
export type Findings = { notes: Note[]; faults: (Fault & { file: string })[] };

/** A mapping of one file, with where its keys stand. */
export type Mapping = { file: string; read: ReadFile; data: JsonObject };

/** An agent card: its front matter, and its body where it is Markdown. */
export type Card = Mapping & {
  name: string;
  isTool: boolean;
  body?: { text: string /** Of its first line, counted from one. */; line: number };
};

/** As fast-agent's decorators are written: `@fast.agent(`, `@app.evaluator_optimizer(`. */
const DECORATOR =
  /^[ \t]*@\w+\.(agent|custom|chain|parallel|router|orchestrator|iterative_planner|evaluator_optimizer|maker|a2a)\s*\(/gm;
/** Files about something else have decorators of these names too. */
const IMPORTS = /^\s*(from|import)\s+(mcp_agent|fast_agent)\b/m;

/** Whether a Python file defines agents of fast-agent. */
export function definesAgents(text: string): boolean {
  return IMPORTS.test(text) && text.search(DECORATOR) >= 0;
}

/** Agents that are defined in Python: it is not run here, and fast-agent can write their cards. */
export function pythonAgents({ name: file, text }: Source): Note[] {
  return [...text.matchAll(DECORATOR)].map((match) => {
    const before = text.slice(0, match.index).split('\n');
    const indent = /^[ \t]*/.exec(match[0])?.[0].length ?? 0;
    const message = `${match[1]} in Python, which is not run here: python ${basename(file)} --dump-agents DIR writes its card`;
    return { file, line: before.length, column: indent + 1, message };
  });
}
