import type { JsonObject } from '../../json/json.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteShell, quoteSql } from '../parts/quote.ts';
import { apiUrl, basePath } from '../server/base-path.ts';
import { type Column, overridesOf } from './columns.ts';

/** Returns the run of a column as a request in each language. */
export function copyColumn(column: Column, message: string): Forms {
  return {
    sdk: sdkOf(column, message),
    curl: curlOf(column, message),
    sql: sqlOf(column, message),
    cli: cliOf(column, message),
    graphql: graphqlOf(column, message),
  };
}

function optionsOf(column: Column): JsonObject {
  const overrides = overridesOf(column);
  return {
    ...(column.version !== '' && { version: column.version }),
    ...(overrides && { overrides }),
  };
}

function sdkOf(column: Column, message: string): string {
  const options = optionsOf(column);
  const last = Object.keys(options).length > 0 ? `, ${JSON.stringify(options, null, 2)}` : '';
  const agent = `howdah.agent(${JSON.stringify(column.agent)})`;
  return `import { env } from 'node:process';\nimport { connect } from 'howdah';\n\nconst howdah = connect(${JSON.stringify(`${location.origin}${basePath}`)}, { token: env.HOWDAH_KEY });\nconst { output } = await ${agent}.send(${JSON.stringify(message)}${last});`;
}

function curlOf(column: Column, message: string): string {
  const body = JSON.stringify({ agent: column.agent, message, ...optionsOf(column), wait: true });
  return `curl ${quoteShell(apiUrl('/api/execute').href)} -H "Authorization: Bearer $HOWDAH_KEY" \\\n  -H 'Content-Type: application/json' -d ${quoteShell(body)}`;
}

function sqlOf(column: Column, message: string): string {
  const overrides = overridesOf(column);
  const more = [
    column.version !== '' && `version => ${quoteSql(column.version)}`,
    overrides && `overrides => ${quoteSql(JSON.stringify(overrides))}`,
  ].filter((one) => typeof one === 'string');
  const words = [quoteSql(column.agent), quoteSql(message), ...more].join(',\n  ');
  return `select id, status from howdah.run(${words});`;
}

function cliOf(column: Column, message: string): string {
  const overrides = overridesOf(column);
  return [
    `npx howdah run ${quoteShell(column.agent)} ${quoteShell(message)}`,
    column.version !== '' && `--as-version ${quoteShell(column.version)}`,
    overrides && `--overrides ${quoteShell(JSON.stringify(overrides))}`,
  ]
    .filter((one) => one)
    .join(' ');
}

/** The values are JSON beside the mutation, so that they need no quotes of GraphQL. */
function graphqlOf(column: Column, message: string): string {
  const variables = { agent: column.agent, input: message, ...optionsOf(column) };
  return `mutation ($agent: String!, $input: String!, $version: String, $overrides: JSON) {\n  run(input: { agent: $agent, input: $input, version: $version, overrides: $overrides }) {\n    result { id status }\n  }\n}\n# variables: ${JSON.stringify(variables)}`;
}
