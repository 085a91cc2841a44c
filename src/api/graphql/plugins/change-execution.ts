import '../environment.ts';
import type { ExecutionConfig } from 'postgraphile/grafserv';
import { getOperationAST } from 'postgraphile/graphql';
import type { Identity } from '../../login/auth-result.ts';
import type { Identities } from '../../login/identities.ts';

type Middleware = NonNullable<NonNullable<GraphileConfig.Plugin['grafserv']>['middleware']>;
type SetPreset = Extract<Middleware['setPreset'], (...args: never) => unknown>;

/** The request over HTTP (`node`) or the WebSocket (`ws`) of an operation. */
export type RequestContext = Partial<Grafast.RequestContext>;

/**
 * Returns middleware that changes how operations are executed. `configure` returns the execution as
 * the plugins before it have it.
 */
export function changeExecution(
  change: (
    configure: () => Promise<ExecutionConfig>,
    context: RequestContext,
  ) => Promise<ExecutionConfig>,
): SetPreset {
  return (next, event) => {
    const configure = event.getExecutionConfig;
    event.getExecutionConfig = function getExecutionConfig(context) {
      return change(async () => configure.call(this, context), context);
    };
    return next();
  };
}

/** Returns the identity of the caller of an operation, or undefined without one. */
export function identityOf(context: RequestContext, identities: Identities): Identity | undefined {
  return identities.get(context.node?.req ?? context.ws?.socket ?? context);
}

/** Returns the type of the operation that is executed, or undefined if there is none. */
export function operationType({
  document,
  operationName,
}: Parameters<ExecutionConfig['execute']>[0]): 'query' | 'mutation' | 'subscription' | undefined {
  return getOperationAST(document, operationName)?.operation;
}
