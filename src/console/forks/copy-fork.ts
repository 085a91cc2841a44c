import type { Json } from '../../json/json.ts';
import { curlCommand, howdahCommand, textArgument } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';

/** A fork: the run, the number of steps that it copies, and what differs from the run. */
export type NewFork = {
  id: string;
  seq: number;
  input?: string;
  inputData?: Json;
  version?: number;
  overrides?: { model: string };
};

/** Returns the request of a fork in each language. The URL is the one of forks in REST. */
export function copyFork(
  { id, seq, input, inputData, version, overrides }: NewFork,
  url: URL,
): Forms {
  const data = inputData === undefined ? undefined : JSON.stringify(inputData);
  const body = { seq, input, version, input_data: inputData, overrides };
  return {
    sql: `select id from howdah.fork_execution(${[
      quoteSql(id),
      seq,
      input !== undefined && `input => ${quoteSql(input)}`,
      version !== undefined && `version => ${version}`,
      data !== undefined && `input_data => ${quoteSql(data)}`,
      overrides && `overrides => ${quoteSql(JSON.stringify(overrides))}`,
    ]
      .filter((one) => one !== false && one !== undefined)
      .join(', ')});`,
    graphql: `mutation ($inputData: JSON) {\n  forkExecution(input: { ${[
      `id: "${id}"`,
      `seq: ${seq}`,
      input !== undefined && `input: ${JSON.stringify(input)}`,
      version !== undefined && `version: ${version}`,
      data !== undefined && 'inputData: $inputData',
      overrides && `overrides: { model: ${JSON.stringify(overrides.model)} }`,
    ]
      .filter((one) => one !== false && one !== undefined)
      .join(
        ', ',
      )} }) { result { id } }\n}${data === undefined ? '' : `\n# variables: {"inputData": ${data}}`}`,
    curl: curlCommand(url, body),
    cli: cliOf({ id, seq, input, data, version, model: overrides?.model }),
  };
}

type CliFork = Pick<NewFork, 'id' | 'seq'> & {
  input: string | undefined;
  data: string | undefined;
  version: number | undefined;
  model: string | undefined;
};

function cliOf({ id, seq, input, data, version, model }: CliFork): string | undefined {
  const written = input === undefined ? undefined : textArgument(input);
  if (input !== undefined && written === undefined) return undefined;
  return howdahCommand(`runs fork ${id}`, [
    ['seq', seq],
    ['input', written],
    ['data', data],
    ['version', version],
    ['model', model],
  ]);
}
