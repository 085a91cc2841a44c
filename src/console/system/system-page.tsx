import { Anchor, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { DEFINITIONS, listPath } from '../rows/paths.ts';
import { titleOf } from '../rows/rows-page.tsx';
import { useResourceTypes } from '../rows/use-resource-types.ts';

const text = rowTexts.system;

/** The place of the installation: what can be configured beside definitions. */
export function SystemPage() {
  return (
    <>
      <PageTitle title={text.title} />
      <Stack gap="xl">
        <Configuration />
      </Stack>
    </>
  );
}

/** Links to the lists of all rows without a place of their own. */
function Configuration() {
  const { types, failure, reload } = useResourceTypes();
  const others = types?.filter(({ name }) => !(DEFINITIONS as readonly string[]).includes(name));
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
