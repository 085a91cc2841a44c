import '../../environment.ts';
import 'postgraphile';
import { FeedRowStep } from '../../subscriptions/feed-row.ts';

/**
 * Makes Grafast's checks (GRAPHILE_ENV=development) accept rows of the feed. By themselves, they
 * accept only selected rows.
 */
export const FeedRowsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahFeedRowsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType(config, build, { scope: { isPgClassType, pgCodec } }) {
        const { assertStep } = config;
        if (!isPgClassType || !assertStep) return config;
        const { steps, messages } = build.pgResources;
        if (pgCodec !== steps?.codec && pgCodec !== messages?.codec) return config;
        const check = assertStep as (step: unknown) => void;
        return {
          ...config,
          assertStep(step: unknown): asserts step {
            if (!(step instanceof FeedRowStep)) check(step);
          },
        };
      },
    },
  },
};
