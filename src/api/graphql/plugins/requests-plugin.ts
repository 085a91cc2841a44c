import '../environment.ts';
import 'postgraphile/grafserv';
import type { Json } from '../../../json/json.ts';
import type { Operations } from '../allowed-operations.ts';
import { refusal, refuseVariables } from '../request.ts';

/** The bodies of requests, already read and checked. */
export type Bodies = WeakMap<object, Json>;

export type RequestsOptions = {
  bodies: Bodies;
  /** The allowed operations. If set, no others run. */
  operations: Operations | undefined;
};

/**
 * Passes grafserv the bodies that were read before it, and checks each request, over HTTP and
 * WebSocket.
 */
export function createRequestsPlugin({
  bodies,
  operations,
}: RequestsOptions): GraphileConfig.Plugin {
  return {
    name: 'HowdahRequestsPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        processRequest(next, { requestDigest }) {
          const json = bodies.get(requestDigest.requestContext.node?.req ?? requestDigest);
          if (json !== undefined) {
            requestDigest.getBody = async () => ({ type: 'json', json: json as never });
          }
          return next();
        },
        processGraphQLRequestBody(next, { body }) {
          refuseVariables(body.variableValues);
          if (operations) body.query = operations.find(body) ?? refuseUnknown();
          else if (typeof body.query !== 'string') refuseMissingText();
          return next();
        },
      },
    },
  };
}

function refuseMissingText(): never {
  throw refusal(
    '`query` is missing, and this server has no list of operations to find an id in',
    { field: 'query' },
    'Send the text of the operation, or set HOWDAH_GRAPHQL_OPERATIONS.',
  );
}

function refuseUnknown(): never {
  throw refusal(
    'the operation is not in the list of operations that this server runs',
    { limit: 'operations' },
    'Add it to HOWDAH_GRAPHQL_OPERATIONS and restart the API.',
  );
}
