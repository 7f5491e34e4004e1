// The draft of the room that is shown: read when the room opens, kept at every change.
//
// Called by the composer, which shows `text` and what it answers. It never writes over what is
// being written: a draft that comes too late goes back to where it lay.
import { watch } from 'vue'
import type { Ref } from 'vue'
import type { Quote } from '../api/types'
import type { DraftPlace, Drafts, FoundDraft } from '../store/drafts'

export interface DraftOptions {
  drafts: Drafts
  findOpenTabs(): Promise<ReadonlySet<string>>
  /** The person, room and tab; null while the person is not known. */
  place: Readonly<Ref<DraftPlace | null>>
  text: Ref<string>
  /** The message that the text answers. */
  replyTo: Ref<Quote | null>
}

export function useDraft({ drafts, findOpenTabs, place, text, replyTo }: DraftOptions): void {
  /** Whether the draft changes because another room is shown, and is no news. */
  let isSwitching = false

  watch(
    [() => place.value?.room, () => place.value?.userId],
    ([room], [roomBefore]) => {
      if (!place.value) return
      // The other room's text was kept with every change. Another person, whom the
      // server knows instead of a forgotten one, goes on writing.
      if (roomBefore !== undefined && roomBefore !== room) show({ text: '' })
      if (text.value === '' && replyTo.value === null) void load(place.value)
      else void drafts.save(place.value, text.value, replyTo.value)
    },
    { immediate: true, flush: 'sync' },
  )

  watch([text, replyTo], ([now, answered]) => !isSwitching && place.value && void drafts.save(place.value, now, answered), { flush: 'sync' })

  async function load(here: DraftPlace): Promise<void> {
    const found = await drafts.find(here, findOpenTabs)
    if (!found) return
    const isStillHere = place.value?.userId === here.userId && place.value.room === here.room
    // A message that was chosen to be answered meanwhile is answered.
    if (isStillHere && text.value === '') show({ ...found, ...(replyTo.value && { replyTo: replyTo.value }) })
    else if (found.leftBy !== undefined) await giveBack(here, found, found.leftBy)
  }

  async function giveBack(here: DraftPlace, found: FoundDraft, leftBy: string): Promise<void> {
    const isWrittenOver = place.value?.room === here.room && text.value !== ''
    if (isWrittenOver) await drafts.save({ ...here, tab: leftBy }, found.text, found.replyTo)
  }

  function show(draft: FoundDraft): void {
    isSwitching = true
    text.value = draft.text
    replyTo.value = draft.replyTo ?? null
    isSwitching = false
  }
}
