import { MAX_REQUEST_BYTES } from '../http/server-limits.ts';
import './environment.ts';
import './exact-codecs.ts';
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import 'postgraphile/grafserv';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter';
import type { Pool } from '../../db/connection/pool.ts';
import type { ListFeed } from '../../db/lists/list-feed.ts';
import type { SecretWriter } from '../../secrets/writer.ts';
import type { ErrorLog } from '../errors/answer-error.ts';
import type { StreamSources } from '../events/stream-sources.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { RequestQueue } from '../http/request-queue.ts';
import type { CallerTurns } from '../limits/caller-turns.ts';
import type { Connections } from '../limits/connections.ts';
import type { Identities } from '../login/identities.ts';
import { settingsFor } from '../login/session-settings.ts';
import type { ReplicaRouter } from '../replica/read-your-writes.ts';
import { createMaskError, withoutHelp } from './mask-errors.ts';
import { BehaviorCachePlugin } from './plugins/behavior-cache-plugin.ts';
import { createConnectionsPlugin } from './plugins/connections-plugin.ts';
import { EventsPlugin } from './plugins/events-plugin.ts';
import { FeedPlugin } from './plugins/feed-plugin.ts';
import { createLimitsPlugin } from './plugins/limits-plugin.ts';
import { ListPlugin } from './plugins/list-plugin.ts';
import { DeletedRowsPlugin } from './plugins/lists/deleted-rows.ts';
import { IndexedColumnsPlugin } from './plugins/lists/indexed-columns.ts';
import { LargeListsPlugin } from './plugins/lists/large-lists.ts';
import { PagesPlugin } from './plugins/lists/page-arguments.ts';
import { RunSearchPlugin } from './plugins/lists/run-search.ts';
import { SearchFiltersPlugin } from './plugins/lists/search-filters.ts';
import { createReplicaPlugin } from './plugins/replica-plugin.ts';
import { createRequestQueuePlugin } from './plugins/request-queue-plugin.ts';
import { createRequestsPlugin, type RequestsOptions } from './plugins/requests-plugin.ts';
import { createResponseStatusPlugin } from './plugins/response-status-plugin.ts';
import { RowsChangedPlugin } from './plugins/rows-changed-plugin.ts';
import { FeedRowsPlugin } from './plugins/schema/feed-rows.ts';
import { InputsPlugin } from './plugins/schema/inputs.ts';
import { NamingPlugin } from './plugins/schema/naming.ts';
import { OmittedNullsPlugin } from './plugins/schema/omitted-nulls.ts';
import { ProviderConfigsPlugin } from './plugins/schema/provider-config-fields.ts';
import { RunCountersPlugin } from './plugins/schema/run-counters.ts';
import { SecretsPlugin } from './plugins/schema/secrets-plugin.ts';
import { StepRequestPlugin } from './plugins/schema/step-request-plugin.ts';
import { TenantKeysPlugin } from './plugins/schema/tenant-keys.ts';
import { TreesPlugin } from './plugins/schema/trees.ts';
import { UserSchemasPlugin } from './plugins/schema/user-schemas-plugin.ts';
import { UuidDomainsPlugin } from './plugins/schema/uuid-domains.ts';
import { createBackpressure } from './subscriptions/backpressure.ts';
import { liveSources, noLiveSources } from './subscriptions/subscriptions.ts';
import type { VisibilityGuard } from './subscriptions/visibility-guard.ts';

export type ServingOptions = RequestsOptions & {
  pool: Pool;
  hub: FeedHub;
  visibilityGuard: VisibilityGuard;
  lists: ListFeed;
  /** The sources of the events of runs and sessions. */
  streams: StreamSources;
  identities: Identities;
  requestQueue: RequestQueue;
  /** The connections of `pool`, shared fairly among tenants. */
  connections: Connections;
  /** The turns of messages on sockets, and of rows on streams. */
  turns: CallerTurns;
  /** True when clients may query the schema. */
  introspection: boolean;
  secrets: SecretWriter;
  /** The router of reads, if there is a replica. */
  reads: ReplicaRouter | undefined;
  onError: ErrorLog;
};

/**
 * Returns the preset of the GraphQL schema, which the server and the printed schema share.
 * `userSchemas` are shown besides `howdah`.
 */
export function schemaPreset(
  pool: Pool,
  userSchemas: readonly string[] = [],
): GraphileConfig.Preset {
  return {
    extends: [
      PostGraphileAmberPreset,
      PgSimplifyInflectionPreset,
      PostGraphileConnectionFilterPreset,
    ],
    plugins: [
      BehaviorCachePlugin,
      NamingPlugin,
      TenantKeysPlugin,
      UserSchemasPlugin,
      IndexedColumnsPlugin,
      PagesPlugin,
      DeletedRowsPlugin,
      UuidDomainsPlugin,
      TreesPlugin,
      FeedPlugin,
      EventsPlugin,
      ListPlugin,
      FeedRowsPlugin,
      SecretsPlugin,
      SearchFiltersPlugin,
      StepRequestPlugin,
      ProviderConfigsPlugin,
      InputsPlugin,
      OmittedNullsPlugin,
      RowsChangedPlugin,
      RunCountersPlugin,
      RunSearchPlugin,
      LargeListsPlugin,
    ],
    pgServices: [
      makePgService({
        pool,
        schemas: ['howdah', ...userSchemas],
        pubsub: false,
        pgSettingsForIntrospection: { role: 'howdah_app' },
      }),
    ],
  };
}

/**
 * Returns the preset of the server: the schema, and what serving it needs. `timeouts.execution` is
 * not set, because it would also end statements that a subscription runs later. statement_timeout
 * bounds every statement instead.
 */
export function servingPreset({
  pool,
  hub,
  visibilityGuard,
  lists,
  streams,
  identities,
  requestQueue,
  connections,
  turns,
  introspection,
  secrets,
  reads,
  onError,
  ...requests
}: ServingOptions): GraphileConfig.Preset {
  const mask = createMaskError(onError);
  return {
    extends: [schemaPreset(pool)],
    plugins: [
      createLimitsPlugin(introspection),
      createRequestQueuePlugin(requestQueue, identities),
      createResponseStatusPlugin(),
      createRequestsPlugin(requests),
      ...(reads ? [createReplicaPlugin(reads, identities)] : []),
      createConnectionsPlugin(connections, identities), // last, to run before the replica's
    ],
    grafserv: {
      graphqlPath: '/graphql',
      graphiql: false, // graphiql.ts serves a page of our own
      websockets: true,
      maxRequestLength: MAX_REQUEST_BYTES,
      maskError: introspection ? mask : (error) => withoutHelp(mask(error)),
    },
    grafast: {
      timeouts: { planning: 5_000 },
      context(request) {
        const asking = request.node?.req ?? request.ws?.request;
        const identity = identities.get(request.node?.req ?? request.ws?.socket ?? request);
        if (!identity) throw new Error('the request was not authenticated');
        const pace = createBackpressure(() => turns.nextRow(identity));
        return {
          pgSettings: settingsFor(identity, 'graphql', asking?.socket.remoteAddress),
          pace,
          secrets,
          tenantId: identity.tenantId,
          live: request.ws
            ? liveSources({ hub, visibilityGuard, lists, streams, pace, identity })
            : noLiveSources,
        };
      },
    },
  };
}
