import { Button, Menu, Text } from '@mantine/core';
import { Bookmark, Check, ChevronDown } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { isSameQuery, queryOf, type View } from './view-query.ts';
import { useViewRights, useViews } from './views.ts';

const SaveView = lazy(async () => ({ default: (await import('./save-view.tsx')).SaveView }));
const ChangeViews = lazy(async () => ({
  default: (await import('./change-views.tsx')).ChangeViews,
}));

const text = messages.views;

type SavedViewsProps = {
  /** The place whose list has the filter. */
  place: string;
  /** The filter of the list, as the query of its URL. */
  query: string;
  open(query: string): void;
};

/** The menu of the saved filters of a list: opens one, saves the current one, changes them. */
export function SavedViews({ place, query, open }: SavedViewsProps) {
  const { own, shared, failure, reload } = useViews(place);
  const { maySave, mayChange } = useViewRights();
  const [dialog, setDialog] = useState<'save' | 'change'>();
  const all = [...own, ...shared];
  const isShown = (view: View) => isSameQuery(queryOf(view), query);
  const shown = all.find(isShown);
  const changeable = all.filter(mayChange);
  const section = (label: string, views: readonly View[]) =>
    views.length > 0 && (
      <>
        <Menu.Label>{label}</Menu.Label>
        {views.map((view) => (
          <Menu.Item
            key={view.id}
            onClick={() => open(queryOf(view))}
            rightSection={isShown(view) ? <Check size={14} aria-hidden /> : undefined}
            aria-current={isShown(view) || undefined}
          >
            <span className="user-text">{view.name}</span>
          </Menu.Item>
        ))}
      </>
    );
  return (
    <>
      <Menu position="bottom-end" withinPortal shadow="md" width={280}>
        <Menu.Target>
          <Button
            variant="default"
            size="xs"
            leftSection={<Bookmark size={14} aria-hidden />}
            rightSection={<ChevronDown size={14} aria-hidden />}
            maw={220}
          >
            {shown ? text.chosen(shown.name) : text.button}
          </Button>
        </Menu.Target>
        <Menu.Dropdown className="menu-of-rows">
          {failure && <FailureAlert failure={failure} onRetry={reload} />}
          {!failure && all.length === 0 && (
            <Text size="xs" c="dimmed" p="xs">
              {text.none}
            </Text>
          )}
          {section(text.own, own)}
          {section(text.shared, shared)}
          {maySave && <Menu.Divider />}
          {maySave && <Menu.Item onClick={() => setDialog('save')}>{text.save}</Menu.Item>}
          {changeable.length > 0 && (
            <Menu.Item onClick={() => setDialog('change')}>{text.manage}</Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Suspense>
        {dialog === 'save' && (
          <SaveView {...{ place, query }} changed={reload} close={() => setDialog(undefined)} />
        )}
        {dialog === 'change' && (
          <ChangeViews views={changeable} changed={reload} close={() => setDialog(undefined)} />
        )}
      </Suspense>
    </>
  );
}
