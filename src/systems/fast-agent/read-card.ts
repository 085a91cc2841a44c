import type { Json } from '../../json/json.ts';
import { type ReadFile, readFile } from '../read-file.ts';
import { frontMatter } from '../yaml/front-matter.ts';
import { isObject } from './fields.ts';
import type { Card, Findings, Mapping, Source } from './project.ts';

/** A YAML file whose content is a mapping; undefined, and told of, when it is not. An empty one has no keys. */
export function readMapping({ name: file, text }: Source, findings: Findings): Mapping | undefined {
  const read = readFile(text, { name: file });
  findings.faults.push(...read.faults.map((fault) => ({ file, ...fault })));
  if (read.faults.length > 0) return undefined;
  const data = (read.document ?? {}) as Json;
  if (isObject(data)) return { file, read, data };
  return refuse(file, read, 'it has to be a mapping: keys and their values', findings);
}

/** An agent card; undefined when it is none, which is told of. */
export function readCard(source: Source, findings: Findings): Card | undefined {
  if (/(^|[/\\])SKILL\.md$/.test(source.name)) {
    const message = 'it is a skill, and skills are no part of an agent system file yet';
    findings.notes.push({ file: source.name, line: 1, column: 1, message });
    return undefined;
  }
  const isMarkdown = /\.(md|markdown)$/i.test(source.name);
  const parts = isMarkdown ? frontMatter(source.text) : undefined;
  if (isMarkdown && !parts) {
    const message = 'it has no front matter between two lines of ---, so it is no agent card';
    findings.notes.push({ file: source.name, line: 1, column: 1, message });
    return undefined;
  }
  const mapping = readMapping(parts ? { ...source, text: parts.front } : source, findings);
  const name = mapping && nameOf(mapping, findings);
  if (!mapping || name === undefined) return undefined;
  return {
    ...mapping,
    name,
    isTool: source.kind === 'tool-card',
    ...(parts && { body: parts.body }),
  };
}

/** What it is called, else what its file is, with _ for spaces, as fast-agent has it. */
function nameOf({ file, read, data }: Mapping, findings: Findings): string | undefined {
  const { name } = data;
  if (name === undefined || name === null) {
    const stem = (file.split(/[/\\]/).at(-1) ?? file).replace(/\.[^.]*$/, '');
    return stem.replaceAll(' ', '_');
  }
  if (name === '__proto__') return refuse(file, read, '__proto__ is no name', findings, '/name');
  if (typeof name === 'string' && name.trim() !== '') return name.trim().replaceAll(' ', '_');
  return refuse(file, read, 'name has to be a text that is not empty', findings, '/name');
}

function refuse(
  file: string,
  read: ReadFile,
  message: string,
  findings: Findings,
  path = '',
): undefined {
  findings.faults.push({ file, ...read.locate(path), path, message, code: 'HWINV' });
}
