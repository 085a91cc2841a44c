import { Anchor, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { systemTexts } from '../messages/system-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { hasOwnPlace, listPath } from '../rows/paths.ts';
import { titleOf } from '../rows/rows-page.tsx';
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
      <div className="cards">
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

/** Links to the lists of all rows without a place of their own. */
function Configuration() {
  const { types, failure, reload } = useResourceTypes();
  const others = types?.filter(({ name }) => !hasOwnPlace(name));
  return (
    <section>
      <Title order={2} size="h5" mb="sm">
        {text.rows}
      </Title>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!types && !failure && <Loader size="sm" aria-label={messages.common.loading} />}
      <div className="cards">
        {others?.map((type) => (
          <Paper key={type.name} withBorder radius="md" p="sm">
            <Anchor component={Link} href={listPath(type.name)} fw={600} size="sm">
              {titleOf(type)}
            </Anchor>
            <Text size="xs" c="dimmed" ff="monospace">
              {type.table}
            </Text>
          </Paper>
        ))}
      </div>
    </section>
  );
}
