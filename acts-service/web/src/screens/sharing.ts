// The upload of the draft. Lives outside the screen: the reader may go elsewhere meanwhile and still learns how it ended.
import { signal } from '@preact/signals';
import { formatTimestamp } from '../acts/act-time.ts';
import { explain } from '../api/explain.ts';
import { uploadAct } from '../api/upload-act.ts';
import { categories } from '../list/categories.ts';
import { feedOf } from '../list/category-feed.ts';
import { say } from '../messages/messages.ts';
import { go, route } from '../navigation/navigation.ts';
import { people } from '../session/people.ts';
import { clearDraft, draft, type Picture } from './draft.ts';

/** From 0 to 1; undefined when nothing is under way. */
export const progress = signal<number | undefined>(undefined);
export const failure = signal('');

export async function shareDraft(picture: Picture): Promise<void> {
  const categoryName = draft.category.value;
  const fields = { username: draft.username.value, caption: draft.caption.value.trim(), categoryName };
  failure.value = '';
  progress.value = 0;
  addEventListener('beforeunload', askFirst);
  try {
    await uploadAct({ ...fields, timestamp: formatTimestamp(new Date()), picture: picture.blob }, (share) => (progress.value = share));
    // With another picture the next act is under way already.
    if (draft.picture.peek() === picture) clearDraft();
    say('done', 'Thank you. Your act is shared.');
    void feedOf(categoryName).showNewest();
    if (isLookedAt()) go({ screen: 'category', category: categoryName }, 'replace');
  } catch (error) {
    failure.value = explain(error);
    if (!isLookedAt()) say('problem', `Your act was not shared. ${failure.value}`);
    // Somebody may have deleted what was chosen.
    void categories.load();
    void people.load();
  }
  progress.value = undefined;
  removeEventListener('beforeunload', askFirst);
}

function isLookedAt(): boolean {
  return route.peek().screen === 'share';
}

/** The browser then asks whether to leave the page, with what is on its way. */
function askFirst(event: Event): void {
  event.preventDefault();
}
