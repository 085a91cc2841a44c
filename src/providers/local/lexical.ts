import type { ToolSchema } from '../../contracts/agents/model.ts';
import { enumOf, parametersOf } from './schema.ts';
import { contentStems, sameWord } from './words.ts';

/**
 * Scores tools by matching words. A match is weighted by its field and by how few tools share the
 * word.
 */
export function lexicalScores(tools: ToolSchema[], query: Map<string, number>): number[] {
  const fields = tools.map(fieldsOf);
  const scores = tools.map(() => 0);
  for (const [one, weight] of query) {
    const found = fields.map((tool) => weightIn(tool, one));
    const sharing = found.filter((own) => own > 0).length;
    for (const [at, own] of found.entries()) {
      if (own > 0)
        scores[at] = (scores[at] ?? 0) + weight * own * (1 + Math.log(tools.length / sharing));
    }
  }
  return scores;
}

/** The stems of a tool, grouped by the worth of a match, highest first. */
type Fields = [worth: number, stems: string[]][];

function fieldsOf(tool: ToolSchema): Fields {
  const parameters = parametersOf(tool);
  const names = parameters.map(({ name }) => name).join(' ');
  const descriptions = parameters.map(({ schema }) => String(schema.description ?? '')).join(' ');
  return [
    [3, contentStems(tool.name)],
    [2, contentStems(parameters.flatMap(enumOf).join(' '))],
    [1.5, contentStems(names)],
    [1, contentStems(tool.description)],
    [0.5, contentStems(descriptions)],
  ];
}

function weightIn(fields: Fields, wanted: string): number {
  return fields.find(([, stems]) => stems.some((one) => sameWord(one, wanted)))?.[0] ?? 0;
}
