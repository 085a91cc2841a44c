import { isJsonObject, type Json } from '../../json/json.ts';
import { type ReadFile, readFile } from '../read-file.ts';
import { frontMatter } from '../yaml/front-matter.ts';
import type { Card, Findings, Mapping, ProjectSource } from './project.ts';

/**
 * Reads a YAML file that contains a mapping. Reports any other content as a fault and returns
 * undefined. An empty file is an empty mapping.
 */
export function readMapping(
  { name: file, text }: ProjectSource,
  findings: Findings,
): Mapping | undefined {
  const read = readFile(text, { name: file });
  findings.faults.push(...read.faults.map((fault) => ({ file, ...fault })));
  if (read.faults.length > 0) return undefined;
  const data = (read.document ?? {}) as Json;
  if (isJsonObject(data)) return { file, read, data };
  return refuse(file, read, 'it must be a mapping of keys and values', findings);
}

/** Reads an agent card. Reports any other file and returns undefined. */
export function readCard(source: ProjectSource, findings: Findings): Card | undefined {
  if (/(^|[/\\])SKILL\.md$/.test(source.name)) {
    const message = 'it is a skill, and skills of fast-agent are not imported';
    findings.notes.push({ file: source.name, line: 1, column: 1, message });
    return undefined;
  }
  const isMarkdown = /\.(md|markdown)$/i.test(source.name);
  const parts = isMarkdown ? frontMatter(source.text) : undefined;
  if (isMarkdown && !parts) {
    const message = 'it has no front matter between two lines of ---, so it is not an agent card';
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

/**
 * Returns the name of a card, or else the name of its file. Like fast-agent, replaces spaces with
 * _.
 */
function nameOf({ file, read, data }: Mapping, findings: Findings): string | undefined {
  const { name } = data;
  if (name === undefined || name === null) {
    const stem = (file.split(/[/\\]/).at(-1) ?? file).replace(/\.[^.]*$/, '');
    return stem.replaceAll(' ', '_');
  }
  if (name === '__proto__')
    return refuse(file, read, '__proto__ is not a valid name', findings, '/name');
  if (typeof name === 'string' && name.trim() !== '') return name.trim().replaceAll(' ', '_');
  return refuse(file, read, 'name must be a text that is not empty', findings, '/name');
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
