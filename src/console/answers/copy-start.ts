import type { JsonObject } from '../../json/json.ts';
import { curlCommand, howdahCommand, textArgument } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';

/** A run of an agent to start. */
type Start = {
  agent: string;
  message: string;
  version?: string | undefined;
  overrides?: JsonObject | undefined;
};

/** Returns the start of a run as a request in each language. The URL is the root of the API. */
export function copyStart(start: Start, root: URL): Forms {
  return {
    sdk: sdkOf(start, root),
    curl: curlOf(start, root),
    sql: sqlOf(start),
    cli: cliOf(start),
    graphql: graphqlOf(start),
  };
}

function optionsOf({ version, overrides }: Start): JsonObject {
  return { ...(version && { version }), ...(overrides && { overrides }) };
}

function sdkOf(start: Start, root: URL): string {
  const options = optionsOf(start);
  const last = Object.keys(options).length > 0 ? `, ${JSON.stringify(options, null, 2)}` : '';
  const agent = `howdah.agent(${JSON.stringify(start.agent)})`;
  return `import { env } from 'node:process';\nimport { connect } from 'howdah';\n\nconst howdah = connect(${JSON.stringify(root.href.replace(/\/$/, ''))}, { token: env.HOWDAH_KEY });\nconst { output } = await ${agent}.send(${JSON.stringify(start.message)}${last});`;
}

function curlOf(start: Start, root: URL): string {
  const { agent, message } = start;
  return curlCommand(new URL('api/execute', root), {
    agent,
    message,
    ...optionsOf(start),
    wait: true,
  });
}

function sqlOf({ agent, message, version, overrides }: Start): string {
  const more = [
    version && `version => ${quoteSql(version)}`,
    overrides && `overrides => ${quoteSql(JSON.stringify(overrides))}`,
  ].filter((one) => one);
  const words = [quoteSql(agent), quoteSql(message), ...more].join(',\n  ');
  return `select id, status from howdah.run(${words});`;
}

function cliOf({ agent, message, version, overrides }: Start): string | undefined {
  const input = textArgument(message);
  if (input === undefined) return undefined;
  const options = [
    ['as-version', version || undefined],
    ['overrides', overrides && JSON.stringify(overrides)],
  ] as const;
  return howdahCommand('run', options, [agent, input]);
}

/** The values are JSON beside the mutation, so that they need no quotes of GraphQL. */
function graphqlOf(start: Start): string {
  const variables = { agent: start.agent, input: start.message, ...optionsOf(start) };
  return `mutation ($agent: String!, $input: String!, $version: String, $overrides: JSON) {\n  run(input: { agent: $agent, input: $input, version: $version, overrides: $overrides }) {\n    result { id status }\n  }\n}\n# variables: ${JSON.stringify(variables)}`;
}
