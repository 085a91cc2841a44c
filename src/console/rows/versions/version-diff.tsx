import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Json } from '../../../json/json.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { valueText } from '../../parts/value-view.tsx';
import { EMPTY_COLUMN, writeColumns } from '../../playground/columns.ts';
import { useRest } from '../../server/rest.ts';
import type { Version } from './version.ts';

const text = rowTexts.versions;

type Change = { place: string; old: Json; new: Json; text: string };
type VersionDiffProps = {
  own: string;
  versions: readonly Version[];
  /** The agent whose versions these are, if they can be tried beside each other. */
  agent: string | undefined;
};

/** Returns the path of the playground with a column for each of two versions. */
function bothPath(agent: string, from: string, to: string): string {
  const both = [from, to].map((version) => ({ ...EMPTY_COLUMN, agent, version }));
  return `/playground?${writeColumns(both)}`;
}

/** How two versions differ, at first the newest two. */
export function VersionDiff({ own, versions, agent }: VersionDiffProps) {
  const [newest, second, ...others] = versions;
  const names = [newest, second, ...others].map((one) => String(one?.version));
  const [from, setFrom] = useState(String(second?.version));
  const [to, setTo] = useState(String(newest?.version));
  const { data, failure, reload } = useRest<{ data: Change[] }>(
    `${own}/versions/${from}/compare/${to}`,
  );
  const changes = data?.body.data;
  const shared = { data: names, size: 'xs', w: 140, allowDeselect: false } as const;
  return (
    <Stack gap="sm">
      <Group gap="xs" align="flex-end">
        <Select
          {...shared}
          label={text.from}
          value={from}
          onChange={(one) => one && setFrom(one)}
        />
        <Select {...shared} label={text.to} value={to} onChange={(one) => one && setTo(one)} />
        {agent !== undefined && (
          <Button size="xs" variant="default" component={Link} href={bothPath(agent, from, to)}>
            {text.tryBoth}
          </Button>
        )}
      </Group>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {changes?.length === 0 && <Text size="sm">{text.same}</Text>}
      {changes && changes.length > 0 && (
        <div className="changes-frame">
          <table className="changes">
            <thead>
              <tr>
                <th scope="col">{text.place}</th>
                <th scope="col">{text.before}</th>
                <th scope="col">{text.after}</th>
              </tr>
            </thead>
            <tbody>
              {changes.map((change) => (
                <tr key={change.place}>
                  <th scope="row">{change.place}</th>
                  <td className="before user-text">
                    {change.old === null ? '' : valueText(change.old)}
                  </td>
                  <td className="after user-text">
                    {change.new === null ? '' : valueText(change.new)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Stack>
  );
}
