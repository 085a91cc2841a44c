import '../environment.ts';
import type { ExecutionConfig } from 'postgraphile/grafserv';
import {
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
} from 'postgraphile/graphql';
import { asInvalid, withoutHelp } from '../errors.ts';
import { boundResult } from '../limits/answer-size.ts';
import { limited, refuseLargeVariables, refuseLongText } from '../limits/limits.ts';

/**
 * Rejects operations that are too large before they are planned, over HTTP and WebSocket alike.
 * Rejects introspection where it is off. Rejects an answer that became too large all the same.
 */
export function createLimitsPlugin(introspection: boolean): GraphileConfig.Plugin {
  const tell = introspection ? asInvalid : (error: GraphQLError) => withoutHelp(asInvalid(error));
  return {
    name: 'HowdahLimitsPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const more = introspection ? [] : [NoSchemaIntrospectionCustomRule];
          event.validationRules = limited([...event.validationRules, ...more]);
          const configure = event.getExecutionConfig;
          event.getExecutionConfig = async function getExecutionConfig(context) {
            const config = await configure.call(this, context);
            const { parseAndValidate, execute, subscribe } = config;
            const within = <H extends typeof execute | typeof subscribe>(work: H): H => {
              return (async (args) => {
                const errors = refuseLargeVariables(args);
                if (errors.length > 0) return { errors: errors.map(tell) };
                const results = await work(args);
                const operation = getOperationAST(args.document, args.operationName)?.operation;
                return boundResults(results, operation === 'mutation');
              }) as H;
            };
            return {
              ...config,
              execute: within(execute),
              subscribe: within(subscribe),
              parseAndValidate(text) {
                const tooLong = refuseLongText(text);
                if (tooLong) return { errors: [tooLong] };
                const { errors, document } = parseAndValidate(text);
                return errors ? { errors: errors.map(tell) } : { document };
              },
            };
          };
          return next();
        },
      },
    },
  };
}

type Results = Awaited<ReturnType<ExecutionConfig['execute'] | ExecutionConfig['subscribe']>>;

/** Bounds a result, or each result of a subscription. */
function boundResults(results: Results, isMutation: boolean): Results {
  if (!(Symbol.asyncIterator in results)) return boundResult(results, isMutation);
  const each = results as AsyncGenerator<ExecutionResult, void, void>;
  const { next } = each;
  each.next = async () => {
    const item = await next.call(each);
    return item.done ? item : { done: false, value: boundResult(item.value, isMutation) };
  };
  return results;
}
