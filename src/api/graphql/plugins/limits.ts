import '../environment.ts';
import 'postgraphile/grafserv';
import { asInvalid } from '../errors.ts';
import { limited, refuseLongText } from '../limits.ts';

/** Refuses operations that are too large before they are planned, over HTTP and WebSocket alike. */
export const LimitsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahLimitsPlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      setPreset(next, event) {
        event.validationRules = limited(event.validationRules);
        const configure = event.getExecutionConfig;
        event.getExecutionConfig = async function getExecutionConfig(context) {
          const config = await configure.call(this, context);
          const { parseAndValidate } = config;
          return {
            ...config,
            parseAndValidate(text) {
              const tooLong = refuseLongText(text);
              if (tooLong) return { errors: [tooLong] };
              const { errors, document } = parseAndValidate(text);
              return errors ? { errors: errors.map(asInvalid) } : { document };
            },
          };
        };
        return next();
      },
    },
  },
};
