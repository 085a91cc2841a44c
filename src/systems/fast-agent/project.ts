import type { JsonObject } from '../../json/json.ts';
import type { Fault, Place } from '../fault.ts';
import type { ReadFile } from '../read-file.ts';

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
