import { Anchor, Group, Paper, Progress, Table, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { costTexts } from '../messages/cost-texts.ts';
import { formatCompact, formatCount } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { useMayWrite } from '../server/me.tsx';
import { type LimitUse, limitUse } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

const text = costTexts;
type Use = NonNullable<NonNullable<NonNullable<LimitUse['limitUsages']>['nodes']>[number]>;

/** The use of each limit, with links to the limits. */
export function Limits() {
  const { data, failure, reload } = useAnswer(limitUse, {});
  const mayWrite = useMayWrite('limits');
  const uses = data?.limitUsages?.nodes?.filter((one) => one !== null) ?? [];
  return (
    <section>
      <Group gap="sm" mb="sm" align="baseline">
        <Title order={2} size="h5">
          {text.limits}
        </Title>
        <Text size="xs" c="dimmed" ff="monospace">
          howdah.limit_usage
        </Text>
        {mayWrite && (
          <Anchor component={Link} href="/system/limits/new" size="sm">
            {text.addLimit}
          </Anchor>
        )}
      </Group>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {data && uses.length === 0 && <Text size="sm">{text.noLimits}</Text>}
      {uses.length > 0 && (
        <Paper withBorder radius="md" className="table-frame wide-table">
          <Table verticalSpacing={6} className="versions stacked">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{text.limit.metric}</Table.Th>
                <Table.Th>{text.limit.scope}</Table.Th>
                <Table.Th ta="right">{text.limit.used}</Table.Th>
                <Table.Th ta="right">{text.limit.max}</Table.Th>
                <Table.Th />
                <Table.Th ta="right">{text.limit.waiting}</Table.Th>
                <Table.Th>{text.limit.resets}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {uses.map((use) => (
                <Row key={`${use.limitId} ${use.subjectId} ${use.key}`} use={use} />
              ))}
            </Table.Tbody>
          </Table>
        </Paper>
      )}
    </section>
  );
}

function Row({ use }: { use: Use }) {
  const show = (value: number | string) =>
    use.metric === 'cost' ? <Cost value={value} /> : formatCompact(value);
  const share = use.used === null ? 0 : (Number(use.used) / Number(use.maxValue)) * 100;
  const name = [use.metric, use.period].filter((one) => one !== null).join(' / ');
  return (
    <Table.Tr>
      <ListCell place="name">
        <Anchor component={Link} href={`/system/limits/${use.limitId}`} size="sm">
          {name}
        </Anchor>
      </ListCell>
      <ListCell className="user-text">{[use.scope, use.key].filter(Boolean).join(' ')}</ListCell>
      <ListCell label={text.limit.used} className="figure">
        {use.used === null ? messages.common.none : show(use.used)}
      </ListCell>
      <ListCell label={text.limit.max} className="figure">
        {show(use.maxValue ?? 0)}
      </ListCell>
      <ListCell place="side" miw={90}>
        <Progress
          value={Math.min(100, share)}
          color={share >= 90 ? 'red' : 'indigo'}
          aria-label={`${name}: ${Math.round(share)} %`}
        />
      </ListCell>
      <ListCell label={text.limit.waiting} className="figure">
        {formatCount(use.waiting ?? 0)}
      </ListCell>
      <ListCell label={text.limit.resets}>
        {use.resetsAt ? <Moment at={use.resetsAt} /> : messages.common.none}
      </ListCell>
    </Table.Tr>
  );
}
