import type { JsonObject } from '../../json/json.ts';
import { curlCommand, howdahCommand, textArgument } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';

/** A run of an agent to start, or of a workflow. */
type Start = {
  agent: string;
  /** The workflow in place of the agent. An agent may have the same name. */
  workflow?: string | undefined;
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
  const agent = start.workflow
    ? `howdah.workflow(${JSON.stringify(start.workflow)})`
    : `howdah.agent(${JSON.stringify(start.agent)})`;
  return `import { env } from 'node:process';\nimport { connect } from 'howdah';\n\nconst howdah = connect(${JSON.stringify(root.href.replace(/\/$/, ''))}, { token: env.HOWDAH_KEY });\nconst { output } = await ${agent}.send(${JSON.stringify(start.message)}${last});`;
}

function curlOf(start: Start, root: URL): string {
  const { agent, workflow, message } = start;
  return curlCommand(new URL('api/execute', root), {
    ...(workflow ? { workflow } : { agent }),
    message,
    ...optionsOf(start),
    wait: true,
  });
}

function sqlOf({ agent, workflow, message, version, overrides }: Start): string {
  const more = [
    version && `version => ${quoteSql(version)}`,
    overrides && `overrides => ${quoteSql(JSON.stringify(overrides))}`,
  ].filter((one) => one);
  const words = [quoteSql(workflow || agent), quoteSql(message), ...more].join(',\n  ');
  return `select id, status from howdah.${workflow ? 'run_workflow' : 'run'}(${words});`;
}

/** The command means the agent if a workflow has the same name, so it is left out for workflows. */
function cliOf({ agent, workflow, message, version, overrides }: Start): string | undefined {
  const input = textArgument(message);
  if (input === undefined || workflow) return undefined;
  const options = [
    ['as-version', version || undefined],
    ['overrides', overrides && JSON.stringify(overrides)],
  ] as const;
  return howdahCommand('run', options, [agent, input]);
}

/** The values are JSON beside the mutation, so that they need no quotes of GraphQL. */
function graphqlOf(start: Start): string {
  if (start.workflow) {
    const variables = { workflow: start.workflow, input: start.message };
    return `mutation ($workflow: String!, $input: String!) {\n  runWorkflow(input: { workflow: $workflow, input: $input }) {\n    result { id status }\n  }\n}\n# variables: ${JSON.stringify(variables)}`;
  }
  const variables = { agent: start.agent, input: start.message, ...optionsOf(start) };
  return `mutation ($agent: String!, $input: String!, $version: String, $overrides: JSON) {\n  run(input: { agent: $agent, input: $input, version: $version, overrides: $overrides }) {\n    result { id status }\n  }\n}\n# variables: ${JSON.stringify(variables)}`;
}
