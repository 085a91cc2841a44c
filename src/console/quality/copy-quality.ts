import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';

/** Rows that a request for a list asks for. */
export const ROWS = 50;

const string = (text: string) => JSON.stringify(text);

// Paths begin with a dot, so that they stay below a mount.

type EvaluationFilter = { dataset: string | undefined; rule: string | undefined };

/** Returns the request of the list of evaluations in each language. */
export function copyEvaluations({ dataset, rule }: EvaluationFilter, root: URL): Forms {
  const url = new URL('./api/evaluations', root);
  if (dataset !== undefined) url.searchParams.set('dataset_id', dataset);
  if (rule !== undefined) url.searchParams.set('grading_rule_id', rule);
  url.searchParams.set('limit', String(ROWS));
  const conditions = [
    { column: 'dataset_id', field: 'datasetId', id: dataset },
    { column: 'grading_rule_id', field: 'gradingRuleId', id: rule },
  ].flatMap(({ id, ...names }) => (id === undefined ? [] : [{ id, ...names }]));
  const tests = conditions.map(({ column, id }) => `e.${column} = ${quoteSql(id)}`);
  const where = tests.length === 0 ? '' : `where ${tests.join(' and ')}\n`;
  const fields = conditions.map(({ field, id }) => `${field}: ${string(id)}`);
  const condition = fields.length === 0 ? '' : `, condition: { ${fields.join(', ')} }`;
  return {
    sql: `select e.id, e.status, d.name as dataset, e.version, e.label, e.totals, e.created_at\nfrom howdah.evaluations as e\njoin howdah.datasets as d on d.id = e.dataset_id\n${where}order by e.id desc\nlimit ${ROWS};`,
    graphql: `query {\n  evaluations(first: ${ROWS}, orderBy: PRIMARY_KEY_DESC${condition}) {\n    nodes { id status version label totals createdAt dataset { name } agent { name } workflow { name } }\n  }\n}`,
    curl: curlCommand(url),
    cli: conditions.length === 0 ? 'npx howdah eval list' : undefined,
  };
}

/** Returns the request of an evaluation in each language. */
export function copyEvaluation(id: string, root: URL): Forms {
  return {
    sql: `select status, version, label, items, repeats, totals, graders\nfrom howdah.evaluations\nwhere id = ${quoteSql(id)};`,
    graphql: `query {\n  evaluation(id: ${string(id)}) { status version label items repeats totals graders }\n}`,
    curl: curlCommand(new URL(`./api/evaluations/${id}`, root)),
    cli: howdahCommand('eval show', [], [id]),
  };
}

/** Returns the request of the results of an evaluation. GraphQL cannot filter those that failed. */
export function copyResults(id: string, isFailed: boolean, root: URL): Forms {
  const url = new URL('./api/evaluation-results', root);
  url.searchParams.set('evaluation_id', id);
  if (isFailed) url.searchParams.set('passed', 'false');
  url.searchParams.set('limit', String(ROWS));
  return {
    sql: `select coalesce(i.input, e.input) as input, i.expected, r.repeat, r.passed, r.score, r.scores, r.error, r.execution_id\nfrom howdah.evaluation_results as r\nleft join howdah.dataset_items as i on i.id = r.item_id\nleft join howdah.executions as e on e.id = r.execution_id\nwhere r.evaluation_id = ${quoteSql(id)}${isFailed ? '\n  and not r.passed' : ''}\norder by r.id desc\nlimit ${ROWS};`,
    graphql: isFailed
      ? undefined
      : `query {\n  evaluationResults(first: ${ROWS}, orderBy: PRIMARY_KEY_DESC, condition: { evaluationId: ${string(id)} }) {\n    nodes { item { input expected } repeat passed score scores error executionId }\n  }\n}`,
    curl: curlCommand(url),
    cli: `${howdahCommand('eval results', [], [id])}${isFailed ? ' --failed' : ''}`,
  };
}

/** Returns the request of the next results to grade, and of a grade, in each language. */
export function copyGrading(id: string, result: string | undefined, root: URL): Forms {
  const queue = new URL(`./api/grade-queue?evaluation_id=${id}`, root);
  const grade = { evaluation_result_id: result ?? '', score: 1 };
  const is = (text: string) => (result === undefined ? '' : `\n${text}`);
  return {
    sql: `select q.evaluation_result_id, q.input, q.expected, q.output\nfrom howdah.grade_queue as q\nwhere q.evaluation_id = ${quoteSql(id)}\norder by q.place\nlimit 10;${is(`select howdah.grade(${quoteSql(result ?? '')}, 1);`)}`,
    graphql: `query {\n  gradeQueues(first: 10, orderBy: PLACE_ASC, condition: { evaluationId: ${string(id)} }) {\n    nodes { evaluationResultId input expected output }\n  }\n}`,
    curl: `${curlCommand(queue)}${is(curlCommand(new URL('./api/grades', root), grade))}`,
    cli: `${howdahCommand('eval queue', [], [id])}${is(howdahCommand('eval grade', [], [result ?? '', '1']))}`,
  };
}

/** Returns the request of a comparison in each language. */
export function copyComparison(a: string, b: string, root: URL): Forms {
  return {
    sql: `select jsonb_pretty(howdah.compare_evaluations(${quoteSql(a)}, ${quoteSql(b)}));`,
    graphql: `query {\n  compareEvaluations(a: ${string(a)}, b: ${string(b)})\n}`,
    curl: curlCommand(new URL(`./api/evaluations/${a}/comparison?with=${b}`, root)),
    cli: howdahCommand('eval compare', [], [a, b]),
  };
}

/** Returns the request of the leaderboard of a data set in each language. */
export function copyLeaderboard(
  { id, name }: { id: string; name: string },
  { measure, split }: { measure: string; split: string | undefined },
  root: URL,
): Forms {
  const named = { measure, ...(split !== undefined && { split }) };
  const query = new URLSearchParams(named);
  const list = (join: (name: string, value: string) => string) =>
    Object.entries(named)
      .map(([key, value]) => `, ${join(key, value)}`)
      .join('');
  return {
    sql: `select rank, name, version, model, pass_rate, score, cost, latency_ms, difference, verdict, is_on_front\nfrom howdah.leaderboard(${quoteSql(name)}${list((key, value) => `${key} => ${quoteSql(value)}`)});`,
    graphql: `query {\n  leaderboard(dataset: ${string(name)}${list((key, value) => `${key}: ${string(value)}`)}) {\n    nodes { rank name version model passRate score cost latencyMs difference verdict isOnFront }\n  }\n}`,
    curl: curlCommand(new URL(`./api/datasets/${id}/leaderboard?${query}`, root)),
    cli: howdahCommand(
      'eval leaderboard',
      [
        ['measure', measure],
        ['split', split],
      ],
      [name],
    ),
  };
}

/** The choices with which an evaluation is started. */
export type NewEvaluation = {
  dataset: string;
  agent?: string;
  workflow?: string;
  version?: string;
  repeat?: number;
  split?: string;
  model?: string;
  items_at?: string;
};

/** Returns the request that starts an evaluation in each language. */
export function copyStart(given: NewEvaluation, root: URL): Forms {
  const { dataset, agent, workflow, version, repeat, split, model, items_at } = given;
  const named = Object.entries({ workflow, version, repeat, split, model, items_at }).flatMap(
    ([name, value]) =>
      value === undefined
        ? []
        : [`${name} => ${typeof value === 'number' ? value : quoteSql(value)}`],
  );
  const names = [quoteSql(dataset), ...(agent === undefined ? [] : [quoteSql(agent)]), ...named];
  const { items_at: itemsAt, ...others } = given;
  const fields = Object.entries({ ...others, ...(itemsAt !== undefined && { itemsAt }) }).map(
    ([name, value]) => `${name}: ${typeof value === 'number' ? value : string(value)}`,
  );
  return {
    sql: `select id, status, items, repeats from howdah.evaluate(${names.join(', ')});`,
    graphql: `mutation {\n  evaluate(input: { ${fields.join(', ')} }) { result { id status items repeats } }\n}`,
    curl: curlCommand(new URL('./api/evaluations', root), given),
    cli: howdahCommand(
      'eval run',
      [
        ['agent', agent],
        ['workflow', workflow],
        ['version', version],
        ['repeat', repeat],
        ['split', split],
        ['model', model],
        ['items-at', items_at],
      ],
      [dataset],
    ),
  };
}

/** Returns the request of the list of data sets in each language. */
export function copyDatasets(root: URL): Forms {
  return {
    sql: `select d.id, d.name, d.description,\n  (select count(*) from howdah.dataset_items as i\n   where i.dataset_id = d.id and i.removed_at is null) as items\nfrom howdah.datasets as d\norder by d.id desc\nlimit ${ROWS};`,
    graphql: `query {\n  datasets(first: ${ROWS}, orderBy: PRIMARY_KEY_DESC) {\n    nodes { id name description }\n  }\n}`,
    curl: curlCommand(new URL(`./api/datasets?limit=${ROWS}`, root)),
    cli: 'npx howdah dataset list',
  };
}

/** Returns ways to create a first data set. */
export function firstDataset(root: URL) {
  return {
    sql: "insert into howdah.datasets (name) values ('refunds');",
    curl: curlCommand(new URL('./api/datasets', root), { name: 'refunds' }),
    cli: 'npx howdah dataset create refunds',
  };
}

/** Returns the request of the items of a data set in each language. */
export function copyItems({ id, name }: { id: string; name: string }, root: URL): Forms {
  return {
    sql: `select id, history, input, input_data, input_parts, expected, split, metadata, source_execution_id, source_seq, removed_at\nfrom howdah.dataset_items\nwhere dataset_id = ${quoteSql(id)}\norder by id desc\nlimit ${ROWS};`,
    graphql: `query {\n  datasetItems(first: ${ROWS}, orderBy: PRIMARY_KEY_DESC, condition: { datasetId: ${string(id)} }) {\n    nodes { id history input inputData inputParts expected split metadata sourceExecutionId sourceSeq removedAt }\n  }\n}`,
    curl: curlCommand(new URL(`./api/dataset-items?dataset_id=${id}&limit=${ROWS}`, root)),
    cli: howdahCommand('dataset items', [], [name]),
  };
}
