import '../environment.ts';
import 'postgraphile/grafserv';
import { type GraphQLError, NoSchemaIntrospectionCustomRule } from 'postgraphile/graphql';
import { asInvalid, withoutHelp } from '../errors.ts';
import { limited, refuseLargeVariables, refuseLongText } from '../limits.ts';

/**
 * Refuses operations that are too large before they are planned, over HTTP and WebSocket alike; and all that ask about the
 * schema, where nobody may.
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
              return ((args) => {
                const errors = refuseLargeVariables(args);
                return errors.length > 0 ? { errors: errors.map(tell) } : work(args);
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
