import type { Instance } from '../../bootstrap.ts';
import type { Config } from '../../config.ts';
import type { ScopeTerm } from '../../db/worker/worker-scope.ts';
import type { EnvironmentModels } from '../../providers/environment/environment-models.ts';

/** Returns the lines that a process prints when it is ready. */
export function bannerOf(
  config: Config,
  howdah: Instance,
  hasWorker: boolean,
  only: readonly ScopeTerm[],
): string {
  const { apiUrl, isEmbedded } = howdah;
  const lines = [
    'Howdah is ready.',
    ...(apiUrl
      ? [
          `  Console   ${apiUrl}/`,
          `  GraphQL   ${apiUrl}/graphql${config.graphqlIntrospection ? `   (GraphiQL: ${apiUrl}/graphiql)` : ''}`,
          `  REST      ${apiUrl}/docs`,
          `  MCP       ${apiUrl}/mcp`,
          `  Health    ${apiUrl}/healthz`,
          `  Login     ${describeLogin(config)}`,
        ]
      : []),
    ...(hasWorker
      ? [`  Worker    up to ${config.workerConcurrency} runs at a time${onlyOf(only)}`]
      : []),
    `  Postgres  ${isEmbedded ? 'embedded; psql "$(npx howdah db url)"' : 'DATABASE_URL'}`,
    `  Model     ${howdah.model}`,
    ...(hasWorker ? environmentLines(config.models) : []),
  ];
  return lines.join('\n');
}

/** Says who may call the API. Names the variable of the keys, never its value. */
export function describeLogin({
  auth,
  jwtSecret,
  jwksUrl,
  oidc,
}: Pick<Config, 'auth' | 'jwtSecret' | 'jwksUrl'> & Partial<Pick<Config, 'oidc'>>): string {
  if (auth === 'none') return 'none, this machine only';
  const tokens = [
    ...(jwtSecret === undefined ? [] : ['tokens of HOWDAH_JWT_SECRET']),
    ...(jwksUrl === undefined ? [] : ['tokens of HOWDAH_JWKS_URL']),
    ...(oidc === undefined ? [] : ['the console by HOWDAH_OIDC_ISSUER']),
  ];
  return `required: ${['API keys', ...tokens].join(', ')}`;
}

function onlyOf(terms: readonly ScopeTerm[]): string {
  return terms.length === 0
    ? ''
    : `, only for ${terms.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`;
}

/** Names each model of the environment with its variables, never with their values. */
function environmentLines({ defaultVariables, others }: EnvironmentModels): string[] {
  const described = [
    { name: 'default', variables: defaultVariables, fallbackPosition: undefined },
    ...others,
  ].filter(({ variables }) => variables.length > 0);
  const lines = described.map(({ name, variables, fallbackPosition }) => {
    const place = fallbackPosition === undefined ? '' : ` (fallback ${fallbackPosition})`;
    return `${name} from ${variables.join(', ')}${place}`;
  });
  return lines.map((line, index) => `  ${index === 0 ? 'Models  ' : '        '}  ${line}`);
}
