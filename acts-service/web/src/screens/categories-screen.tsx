// The categories with their counts.
import { useEffect, useState } from 'preact/hooks';
import { addCategory, type Category } from '../api/service.ts';
import { categories } from '../list/categories.ts';
import { say } from '../messages/messages.ts';
import { go } from '../navigation/navigation.ts';
import { routeHash } from '../navigation/route.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Screen, useUsableWhen } from '../parts/screen.tsx';
import { Empty, Failed, Skeletons } from '../parts/states.tsx';
import { toneOf } from '../parts/tone.ts';
import { currentUser } from '../session/current-user.ts';

/** Below that the eye is quicker than a filter. */
const filterFrom = 9;
/** More are found by the filter only. */
const categoriesShown = 300;

export function CategoriesScreen() {
  const [isAdding, setAdding] = useState(false);
  useEffect(() => void categories.load(), []);
  const all = categories.value.value;
  const problem = categories.problem.value;
  useUsableWhen(all !== undefined || problem !== '');
  const total = all?.reduce((sum, { acts }) => sum + acts, 0) ?? 0;
  return (
    <Screen name="categories" title="Categories" heading={<Greeting />}>
      <p class="lead">
        {all !== undefined && all.length > 0
          ? `${plural(total, 'act', 'acts')} of kindness in ${plural(all.length, 'category', 'categories')}. What did you do today?`
          : 'Small deeds, shared for the deed.'}
      </p>
      <p class="welcome">
        {currentUser.value === undefined ? (
          <a class="button primary" href="#/people">
            Choose who you are
          </a>
        ) : (
          <a class="button primary" href="#/share">
            <Icon name="heart" />
            Tell us
          </a>
        )}
      </p>
      <Dawn />
      <div class="section-head">
        <h2>Categories</h2>
        <button type="button" class="button small" onClick={() => setAdding(true)}>
          <Icon name="plus" />
          Add category
        </button>
      </div>
      {problem !== '' && <Failed problem={problem} onRetry={() => void categories.load()} />}
      {all === undefined ? problem === '' && <Skeletons count={6} shape="row" /> : <CategoryList all={all} />}
      {isAdding && <AddCategory onClose={() => setAdding(false)} />}
    </Screen>
  );
}

function Greeting() {
  const name = currentUser.value;
  if (name === undefined) return <>Good deeds, no selfies</>;
  return (
    <>
      Hello, <bdi class="ellipsis">{name.slice(0, 200)}</bdi>
    </>
  );
}

/** Decoration only. */
function Dawn() {
  return (
    <div class="dawn" aria-hidden="true">
      <span class="sun" />
      <svg viewBox="0 0 400 100" preserveAspectRatio="none" focusable="false">
        <path class="far" d="M0 62c80-34 160-40 240-16s110 0 160-34v88H0Z" />
        <path class="near" d="M0 92c90-34 170-34 250-18s110-6 150-26v52H0Z" />
      </svg>
    </div>
  );
}

function CategoryList({ all }: { all: readonly Category[] }) {
  const [filter, setFilter] = useState('');
  if (all.length === 0) {
    return (
      <Empty icon="home" title="Nothing here yet">
        <p>Add the first category, such as “Neighbours” or “Trees planted”, and share an act in it.</p>
      </Empty>
    );
  }
  const wanted = filter.trim().toLocaleLowerCase();
  const found = all.filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
  return (
    <>
      {all.length >= filterFrom && (
        <Field label="Find a category">
          {(control) => <input {...control} type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />}
        </Field>
      )}
      <ul class="categories">
        {found.slice(0, categoriesShown).map(({ name, acts }) => (
          <li key={name}>
            <a class="category" href={routeHash({ screen: 'category', category: name })}>
              <span class={`tile tone-${toneOf(name)}`} aria-hidden="true">
                {firstLetter(name)}
              </span>
              <span class="category-text">
                <span class="name ellipsis" dir="auto">
                  {name.slice(0, 200)}
                </span>
                <span class="count">{acts === 0 ? 'No acts yet' : plural(acts, 'act', 'acts')}</span>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {found.length > categoriesShown && (
        <p class="hint">And {(found.length - categoriesShown).toLocaleString()} more. Type a part of the name above.</p>
      )}
      {found.length === 0 && <p class="lead">No category has this in its name.</p>}
    </>
  );
}

function AddCategory({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<string>();
  return (
    <Dialog
      title="Add a category"
      confirmLabel="Add"
      onClose={onClose}
      onConfirm={async () => {
        if (name.trim() === '') {
          setProblem('A category needs a name.');
          throw new Error('A category needs a name');
        }
        await addCategory(name.trim());
        say('done', `“${name.trim().slice(0, 60)}” is there. Share the first act in it.`);
        void categories.load();
        // After the dialog is closed, so that the focus goes to the new screen.
        setTimeout(() => go({ screen: 'category', category: name.trim() }));
      }}
    >
      <Field label="Name" problem={problem}>
        {(control) => (
          <input
            {...control}
            dir="auto"
            autoComplete="off"
            maxLength={2000}
            value={name}
            onInput={(event) => {
              setName(event.currentTarget.value);
              setProblem(undefined);
            }}
          />
        )}
      </Field>
    </Dialog>
  );
}

function plural(count: number, one: string, many: string): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

let graphemes: Intl.Segmenter | undefined;

/** What a reader sees as one letter: some have several code points. */
function firstLetter(name: string): string {
  const start = name.trim().slice(0, 40);
  if (/^[ -~]/.test(start)) return start.charAt(0).toUpperCase();
  graphemes ??= new Intl.Segmenter();
  const [first] = graphemes.segment(start);
  return first?.segment.toLocaleUpperCase() ?? '·';
}
