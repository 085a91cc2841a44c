import '../environment.ts';
import type { ExecutionConfig } from 'postgraphile/grafserv';
import {
  type ExecutionResult,
  type GraphQLError,
  NoSchemaIntrospectionCustomRule,
} from 'postgraphile/graphql';
import { boundResult } from '../limits/answer-size.ts';
import { LongNumbersRule } from '../limits/long-numbers.ts';
import { limitRules, refuseLargeVariables, refuseLongText } from '../limits/operation-limits.ts';
import { asInvalid, withoutHelp } from '../mask-errors.ts';
import { changeExecution, operationType } from './change-execution.ts';

/**
 * Rejects operations that are too large before they are planned, over HTTP and WebSocket alike.
 * Rejects introspection where it is off. Rejects an answer that became too large all the same.
 */
export function createLimitsPlugin(introspection: boolean): GraphileConfig.Plugin {
  const restate = introspection
    ? asInvalid
    : (error: GraphQLError) => withoutHelp(asInvalid(error));
  const limitExecution = changeExecution(async (configure) =>
    withLimits(await configure(), restate),
  );
  return {
    name: 'HowdahLimitsPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const more = introspection ? [] : [NoSchemaIntrospectionCustomRule];
          event.validationRules = limitRules([...event.validationRules, ...more, LongNumbersRule]);
          return limitExecution(next, event);
        },
      },
    },
  };
}

function withLimits(
  config: ExecutionConfig,
  restate: (error: GraphQLError) => GraphQLError,
): ExecutionConfig {
  const { parseAndValidate, execute, subscribe } = config;
  const limit = <H extends typeof execute | typeof subscribe>(work: H): H => {
    return (async (args) => {
      const errors = refuseLargeVariables(args);
      if (errors.length > 0) return { errors: errors.map(restate) };
      return boundResults(await work(args), operationType(args) === 'mutation');
    }) as H;
  };
  return {
    ...config,
    execute: limit(execute),
    subscribe: limit(subscribe),
    parseAndValidate(text) {
      const tooLong = refuseLongText(text);
      if (tooLong) return { errors: [tooLong] };
      const { errors, document } = parseAndValidate(text);
      return errors ? { errors: errors.map(restate) } : { document };
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
