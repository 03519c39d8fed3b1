// Shares an act: a picture, a caption, who and where. Nothing entered is lost when it fails.
import { useEffect, useRef, useState } from 'preact/hooks';
import { categories } from '../list/categories.ts';
import { Field } from '../parts/field.tsx';
import { Screen, useUsableWhen } from '../parts/screen.tsx';
import { Failed } from '../parts/states.tsx';
import { people } from '../session/people.ts';
import { draft } from './draft.ts';
import { PictureField } from './picture-field.tsx';
import { failure, progress, shareDraft } from './sharing.ts';

interface Problems {
  readonly picture?: string;
  readonly caption?: string;
  readonly category?: string;
  readonly username?: string;
}

export function ShareScreen({ category }: { category: string | undefined }) {
  useEffect(() => {
    if (category !== undefined) draft.category.value = category;
    void categories.load();
    void people.load();
  }, []);
  const isReady = categories.value.value !== undefined && people.value.value !== undefined;
  const problem = [categories.problem.value, people.problem.value].find((text) => text !== '');
  useUsableWhen(isReady || problem !== undefined);
  return (
    <Screen name="share" title="Share an act">
      {problem !== undefined && (
        <Failed
          problem={problem}
          onRetry={() => {
            void categories.load();
            void people.load();
          }}
        />
      )}
      <ShareForm />
    </Screen>
  );
}

function ShareForm() {
  const form = useRef<HTMLFormElement>(null);
  const [wasTried, setTried] = useState(false);
  const share = progress.value;
  const isBusy = share !== undefined;
  // Each goes as soon as it is put right.
  const problems: Problems = wasTried ? missingIn() : {};

  function submit(event: Event): void {
    event.preventDefault();
    if (isBusy) return;
    setTried(true);
    const picture = draft.picture.value;
    if (Object.keys(missingIn()).length > 0 || picture === undefined) {
      // After the problems are drawn.
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    void shareDraft(picture);
  }

  return (
    <form ref={form} class="panel share-form" noValidate onSubmit={submit}>
      <PictureField problem={problems.picture} />
      <Field label="Caption" hint="What was done? A sentence is enough." problem={problems.caption}>
        {(control) => (
          <textarea
            {...control}
            dir="auto"
            rows={3}
            maxLength={2000}
            value={draft.caption.value}
            onInput={(event) => (draft.caption.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <Choice
        label="Category"
        names={categories.value.value?.map(({ name }) => name)}
        chosen={draft.category}
        none={{ text: 'There is no category yet.', link: 'Add one', href: '#/' }}
        problem={problems.category}
      />
      <Choice
        label="Shared by"
        names={people.value.value}
        chosen={draft.username}
        none={{ text: 'Nobody has signed up yet.', link: 'Sign up', href: '#/people' }}
        problem={problems.username}
      />
      <p class="field-problem" role="alert">
        {failure.value}
      </p>
      {isBusy && (
        <div class="progress">
          <progress max={1} value={share} aria-label="Upload" />
          <span aria-hidden="true">{Math.round(share * 100)} %</span>
        </div>
      )}
      <button type="submit" class="button primary wide" aria-busy={isBusy}>
        {isBusy ? 'Sharing…' : 'Share this act'}
      </button>
    </form>
  );
}

interface ChoiceProps {
  readonly label: string;
  /** Undefined while they are read. */
  readonly names: readonly string[] | undefined;
  readonly chosen: { value: string };
  readonly none: { readonly text: string; readonly link: string; readonly href: string };
  readonly problem: string | undefined;
}

/** One name of a list. */
function Choice({ label, names, chosen, none, problem }: ChoiceProps) {
  return (
    <Field label={label} problem={problem}>
      {(control) => (
        <>
          <select {...control} dir="auto" value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value)}>
            <option value="">{names === undefined ? 'Loading…' : 'Please choose'}</option>
            {names?.map((name) => (
              <option key={name} value={name} selected={name === chosen.value}>
                {name.length > 60 ? `${name.slice(0, 60)}…` : name}
              </option>
            ))}
          </select>
          {names?.length === 0 && (
            <p class="hint">
              {none.text} <a href={none.href}>{none.link}</a>
            </p>
          )}
        </>
      )}
    </Field>
  );
}

function missingIn(): Problems {
  const categoryNames = categories.value.value?.map(({ name }) => name) ?? [];
  return {
    ...(draft.picture.value === undefined && { picture: 'Please take or choose a picture.' }),
    ...(draft.caption.value.trim() === '' && { caption: 'Please say what was done.' }),
    ...(!categoryNames.includes(draft.category.value) && { category: 'Please choose a category.' }),
    ...(!(people.value.value ?? []).includes(draft.username.value) && { username: 'Please choose who shares it.' }),
  };
}
