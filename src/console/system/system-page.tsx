import { Anchor, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { systemTexts } from '../messages/system-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { hasOwnPlace, listPath } from '../rows/paths.ts';
import { type ResourceType, titleOf } from '../rows/resource-types.ts';
import { useResourceTypes } from '../rows/use-resource-types.ts';
import { useIsAdmin, useMayRead } from './rights.ts';

const text = systemTexts;

/** The place of the installation: what can be watched, and what can be configured. */
export function SystemPage() {
  return (
    <>
      <PageTitle title={text.title} />
      <Stack gap="xl">
        <Watch />
        <Configuration />
      </Stack>
    </>
  );
}

/** Links to the pages of the place that the person may see. */
function Watch() {
  const isAdmin = useIsAdmin();
  const mayReadLog = useMayRead('audit_log');
  const pages = [
    'queue',
    'health',
    ...(mayReadLog ? (['audit-log'] as const) : []),
    'settings',
    ...(isAdmin ? (['sql'] as const) : []),
  ] as const;
  return (
    <section>
      <Title order={2} size="h5" mb="sm">
        {text.watch}
      </Title>
      <div className="cards small-cards">
        {pages.map((page) => {
          const [name, hint] = text.pages[page];
          return (
            <Paper key={page} withBorder radius="md" p="sm">
              <Anchor component={Link} href={`/system/${page}`} fw={600} size="sm">
                {name}
              </Anchor>
              <Text size="xs" c="dimmed">
                {hint}
              </Text>
            </Paper>
          );
        })}
      </div>
    </section>
  );
}

/** Links to the lists of all rows without a place of their own, by what they are for. */
function Configuration() {
  const { types, failure, reload } = useResourceTypes();
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!types) return <Loader size="sm" aria-label={messages.common.loading} />;
  return groupTypes(types).map(([group, own]) => (
    <section key={group}>
      <Title order={2} size="h5" mb="sm">
        {text.groups[group]}
      </Title>
      <div className="cards small-cards">
        {own.map((type) => (
          <TypeCard key={type.name} type={type} />
        ))}
      </div>
    </section>
  ));
}

/** A link to a list, with what its rows are for. A new resource has the name of its table. */
function TypeCard({ type }: { type: ResourceType }) {
  const hints: Readonly<Record<string, string>> = text.hints;
  return (
    <Paper withBorder radius="md" p="sm">
      <Anchor component={Link} href={listPath(type.name)} fw={600} size="sm">
        {titleOf(type)}
      </Anchor>
      <Text size="xs" c="dimmed">
        {hints[type.name] ?? messages.common.table(type.table)}
      </Text>
    </Paper>
  );
}

type Group = keyof typeof text.groups;

/** Resources by what people look for. Those that are not listed come last. */
const GROUPS: Readonly<Record<Exclude<Group, 'others'>, readonly string[]>> = {
  starts: ['schedules', 'inbound-hooks', 'webhooks', 'alert-rules', 'grading-rules'],
  access: ['users', 'api-keys', 'grants', 'secrets', 'integrations', 'connected-accounts'],
  rules: [
    ...['limits', 'tool-policies', 'approvals', 'output-filters', 'hooks'],
    'retention-policies',
  ],
};

function groupTypes(types: readonly ResourceType[]): [Group, ResourceType[]][] {
  const shown = types.filter(({ name }) => !hasOwnPlace(name));
  const listed = Object.values(GROUPS).flat();
  const groups = Object.entries(GROUPS).map(([group, names]): [Group, ResourceType[]] => [
    group as Group,
    names.flatMap((name) => shown.find((type) => type.name === name) ?? []),
  ]);
  return [...groups, ['others', shown.filter(({ name }) => !listed.includes(name))]];
}
