import './environment.ts';
import { Kind, parse } from 'postgraphile/graphql';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The operation that shows a run. GraphiQL shows only the last answer, so each answer contains the
 * whole run.
 */
const RUN = `# Press play (Ctrl-Enter): shows the run as it is
# now, and again after each change, until it ends.
subscription Run($id: UUID!) {
  executionUpdated(id: $id) {
    status
    waitingFor
    stopReason
    agent { name }
    workflow { name }
    input
    output
    error
    stepCount
    tokensIn
    tokensOut
    cost
    questions(condition: { status: open }) {
      nodes { id kind prompt }
    }
    steps(orderBy: [SEQ_DESC], first: 50) {
      nodes { seq kind name output error }
    }
  }
}
`;

/** The operation that `/graphiql` starts with. */
const RECENT_RUNS = `# The newest runs and their steps.
#
#   Ctrl-Enter   run this query
#   Ctrl-Space   suggestions
#
# The icon at the top left opens the reference.
query RecentRuns {
  executions(first: 5, orderBy: [ID_DESC]) {
    nodes {
      id
      status
      agent { name }
      input
      output
      error
      cost
      steps {
        nodes { seq kind name output }
      }
    }
  }
}
`;

/**
 * The operation that GraphiQL shows first. With `variables`, which is JSON text or empty, it gets a
 * tab of its own.
 */
export type FirstOperation = { query: string; variables?: string };

/**
 * Returns the operation for the URL of a page: `/graphiql?run=ID` follows a run, `?query=…`, with
 * `&variables=…` or without, shows that operation, and any other URL the newest runs. Nothing is
 * sent before the user presses play. A link of somebody else cannot prepare a change: a mutation is
 * not shown, as GraphQL over GET refuses it.
 */
export function firstOperation(url = ''): FirstOperation {
  const parameters = new URLSearchParams(url.split('?', 2)[1]);
  const id = parameters.get('run') ?? '';
  if (UUID.test(id)) return { query: RUN, variables: JSON.stringify({ id }, null, 2) };
  const query = parameters.get('query')?.trim();
  return query && !hasMutation(query)
    ? { query, variables: parameters.get('variables') ?? '' }
    : { query: RECENT_RUNS };
}

/** Returns whether a document changes something. A document that cannot be read is not run. */
function hasMutation(query: string): boolean {
  try {
    return parse(query).definitions.some(
      (one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation',
    );
  } catch {
    return false;
  }
}
