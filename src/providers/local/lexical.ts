import type { ToolSchema } from '../../contracts/agents/model.ts';
import { enumOf, parametersOf } from './schema.ts';
import { contentStems, sameWord } from './words.ts';

/** Matching words, each weighted by where it stands and by how few tools share it. */
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

/** The stems of a tool by what a match there is worth, dearest first. */
type Fields = [worth: number, stems: string[]][];

function fieldsOf(tool: ToolSchema): Fields {
  const parameters = parametersOf(tool);
  const names = parameters.map(({ name }) => name).join(' ');
  const told = parameters.map(({ schema }) => String(schema.description ?? '')).join(' ');
  return [
    [3, contentStems(tool.name)],
    [2, contentStems(parameters.flatMap(enumOf).join(' '))],
    [1.5, contentStems(names)],
    [1, contentStems(tool.description)],
    [0.5, contentStems(told)],
  ];
}

function weightIn(fields: Fields, wanted: string): number {
  return fields.find(([, stems]) => stems.some((one) => sameWord(one, wanted)))?.[0] ?? 0;
}
