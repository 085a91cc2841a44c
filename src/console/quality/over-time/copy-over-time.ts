import { curlCommand, howdahCommand } from '../../parts/command-line.ts';
import type { Forms } from '../../parts/forms.ts';
import { quoteSql } from '../../parts/quote.ts';

/** Filters of a request, with the first and the last day. */
export type QualityFilter = Readonly<Record<string, string>>;

/** Returns the request of the quality of versions by day in each language. */
export function copyQualityByDay(
  filter: QualityFilter,
  grader: string | undefined,
  root: URL,
): Forms {
  const { since = '', until = '', ...equal } = filter;
  const query = new URLSearchParams({ ...filter, ...(grader !== undefined && { grader }) });
  const isGrader = grader === undefined ? 'is null' : `= ${quoteSql(grader)}`;
  const where = [
    `day between ${quoteSql(since)} and ${quoteSql(until)}`,
    `grader ${isGrader}`,
    ...Object.entries(equal).map(([name, value]) => `${name} = ${quoteSql(value)}`),
  ];
  const conditions = [
    `day: { greaterThanOrEqualTo: ${JSON.stringify(since)}, lessThanOrEqualTo: ${JSON.stringify(until)} }`,
    `grader: { ${grader === undefined ? 'isNull: true' : `equalTo: ${JSON.stringify(grader)}`} }`,
    ...Object.entries(equal).map(
      ([name, value]) => `${camel(name)}: { equalTo: ${JSON.stringify(value)} }`,
    ),
  ];
  const { dataset_id, agent_id, workflow_id, source } = equal;
  const options: [string, string | undefined][] = [
    ['dataset', dataset_id],
    ['agent', agent_id],
    ['workflow', workflow_id],
    ...Object.entries({ source, grader, since, until }),
  ];
  return {
    sql: `select day, dataset, agent, workflow, version, source, results, pass_rate, score, cost\nfrom howdah.quality_by_day\nwhere ${where.join('\n  and ')}\norder by day;`,
    graphql: `query {\n  qualityByDays(first: 1000, filter: { ${conditions.join(', ')} }) {\n    nodes { day dataset agent workflow version source results passRate score cost }\n  }\n}`,
    curl: curlCommand(new URL(`./api/quality-by-day?${query}`, root)),
    cli: howdahCommand('eval by-day', options, []),
  };
}

const camel = (name: string) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
