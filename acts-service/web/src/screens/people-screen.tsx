// Who uses the app on this device: choose a name, or sign up with a new one.
import { useEffect, useRef, useState } from 'preact/hooks';
import { explain } from '../api/explain.ts';
import { addUser, deleteUser } from '../api/service.ts';
import { say } from '../messages/messages.ts';
import { goBack } from '../navigation/navigation.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Screen, useUsableWhen } from '../parts/screen.tsx';
import { Failed, Skeletons } from '../parts/states.tsx';
import { toneOf } from '../parts/tone.ts';
import { becomeUser, currentUser } from '../session/current-user.ts';
import { people } from '../session/people.ts';
import { sha1Hex } from '../session/sha1.ts';

const filterFrom = 9;
/** At first, so that signing up stays within reach below them on a phone. */
const namesAtFirst = 8;
/** More names than this are found by the filter only: a page of thousands of buttons helps nobody. */
const namesShown = 100;

export function PeopleScreen() {
  useEffect(() => void people.load(), []);
  const all = people.value.value;
  const problem = people.problem.value;
  useUsableWhen(all !== undefined || problem !== '');
  const me = currentUser.value;
  const isDeleted = me !== undefined && all?.includes(me) === false;
  return (
    <Screen name="people" title={me === undefined ? 'Who are you?' : 'You'}>
      {me !== undefined && (
        <div class="me">
          <Avatar name={me} />
          <p class="me-name">
            <span>{isDeleted ? 'Deleted by somebody:' : 'You are'}</span>
            <strong class="ellipsis" dir="auto">
              {me.slice(0, 200)}
            </strong>
          </p>
          <button type="button" class="button small" onClick={() => becomeUser(undefined)}>
            Log out
          </button>
        </div>
      )}
      <div class="columns">
        <section aria-labelledby="choose">
          <h2 id="choose">{me === undefined ? 'Choose your name' : 'Switch to somebody else'}</h2>
          {problem !== '' && <Failed problem={problem} onRetry={() => void people.load()} />}
          {all === undefined ? problem === '' && <Skeletons count={7} shape="row" /> : <Names all={all} />}
        </section>
        <SignUp />
      </div>
    </Screen>
  );
}

function Names({ all }: { all: readonly string[] }) {
  const [filter, setFilter] = useState('');
  const [isLong, setLong] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const [leaving, setLeaving] = useState<string>();
  if (all.length === 0) return <p class="lead">Nobody is here yet. Sign up and be the first.</p>;
  const wanted = filter.trim().toLocaleLowerCase();
  const found = all.filter((name) => name.toLocaleLowerCase().includes(wanted));
  // One name behind a button would be a joke.
  const shown = isLong || wanted !== '' || found.length <= namesAtFirst + 1 ? namesShown : namesAtFirst;
  return (
    <>
      {all.length >= filterFrom && (
        <Field label="Find a name">
          {(control) => <input {...control} type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />}
        </Field>
      )}
      <ul ref={list} class="names">
        {found.slice(0, shown).map((name) => (
          <li key={name} class={name === currentUser.value ? 'chosen' : ''}>
            <button type="button" class="person" aria-pressed={name === currentUser.value} onClick={() => choose(name)}>
              <Avatar name={name} />
              <span class="ellipsis" dir="auto">
                {name.slice(0, 200)}
              </span>
              {name === currentUser.value && <Icon name="check" />}
            </button>
            <button type="button" class="icon-button" aria-label={`Delete user ${name.slice(0, 80)}`} onClick={() => setLeaving(name)}>
              <Icon name="trash" />
            </button>
          </li>
        ))}
      </ul>
      {found.length > shown && shown < namesShown && (
        <button
          type="button"
          class="button small"
          onClick={() => {
            setLong(true);
            // The button goes; the reader reads on at the first name that comes.
            requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>('.person').item(namesAtFirst).focus());
          }}
        >
          Show more names
        </button>
      )}
      {found.length > namesShown && shown === namesShown && (
        <p class="hint">And {(found.length - namesShown).toLocaleString()} more. Type a part of the name above.</p>
      )}
      {found.length === 0 && <p class="lead">Nobody has this in their name.</p>}
      {leaving !== undefined && <DeleteUser name={leaving} onClose={() => setLeaving(undefined)} />}
    </>
  );
}

function DeleteUser({ name, onClose }: { name: string; onClose: () => void }) {
  return (
    <Dialog
      title="Delete this user?"
      confirmLabel="Delete user"
      tone="danger"
      onClose={onClose}
      onConfirm={async () => {
        await deleteUser(name);
        if (currentUser.value === name) becomeUser(undefined);
        say('done', 'The user is deleted.');
        await people.load();
      }}
    >
      <p>
        <bdi>“{name.slice(0, 200)}”</bdi> will be gone. The acts they shared stay.
      </p>
    </Dialog>
  );
}

function SignUp() {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [problems, setProblems] = useState<{ readonly username?: string; readonly password?: string; readonly form?: string }>({});
  const [isBusy, setBusy] = useState(false);

  async function signUp(event: Event): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    const missing = {
      ...(username.trim() === '' && { username: 'Please choose a name.' }),
      ...(password === '' && { password: 'Please choose a password.' }),
    };
    setProblems(missing);
    if (Object.keys(missing).length > 0) return;
    setBusy(true);
    try {
      await addUser(username.trim(), sha1Hex(password));
      choose(username.trim());
      void people.load();
    } catch (error) {
      setProblems({ form: explain(error) });
    }
    setBusy(false);
  }

  return (
    <section aria-labelledby="sign-up">
      <h2 id="sign-up">New here?</h2>
      <form class="panel" noValidate onSubmit={(event) => void signUp(event)}>
        <Field label="Username" problem={problems.username}>
          {(control) => (
            <input
              {...control}
              dir="auto"
              autoComplete="username"
              maxLength={2000}
              value={username}
              onInput={(event) => setUsername(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Password" problem={problems.password}>
          {(control) => (
            <input
              {...control}
              type="password"
              autoComplete="new-password"
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          )}
        </Field>
        <p class="field-problem" role="alert">
          {problems.form}
        </p>
        <button type="submit" class="button primary wide" aria-busy={isBusy}>
          Sign up
        </button>
      </form>
    </section>
  );
}

function Avatar({ name }: { name: string }) {
  return (
    <span class={`avatar tone-${toneOf(name)}`} aria-hidden="true">
      <Icon name="person" />
    </span>
  );
}

function choose(name: string): void {
  becomeUser(name);
  say('done', `Hello, ${name.slice(0, 60)}.`);
  goBack({ screen: 'categories' });
}
