// The draft of the room that is shown: read when the room opens, kept at every change.
//
// Called by the composer, which shows `text`. It never writes over what is
// being written: a draft that comes too late goes back to where it lay.
import { watch } from 'vue'
import type { Ref } from 'vue'
import type { DraftPlace, Drafts } from '../store/drafts'

export interface DraftOptions {
  drafts: Drafts
  findOpenTabs(): Promise<ReadonlySet<string>>
  /** The person, room and tab; null while the person is not known. */
  place: Readonly<Ref<DraftPlace | null>>
  text: Ref<string>
}

export function useDraft({ drafts, findOpenTabs, place, text }: DraftOptions): void {
  /** Whether the text changes because another room is shown, and is no news. */
  let isSwitching = false

  watch(
    [() => place.value?.room, () => place.value?.userId],
    ([room], [roomBefore]) => {
      if (!place.value) return
      // The other room's text was kept with every change. Another person, whom the
      // server knows instead of a forgotten one, goes on writing.
      if (roomBefore !== undefined && roomBefore !== room) show('')
      if (text.value === '') void load(place.value)
      else void drafts.save(place.value, text.value)
    },
    { immediate: true, flush: 'sync' },
  )

  watch(text, (now) => !isSwitching && place.value && void drafts.save(place.value, now), { flush: 'sync' })

  async function load(here: DraftPlace): Promise<void> {
    const found = await drafts.find(here, findOpenTabs)
    if (!found) return
    const isStillHere = place.value?.userId === here.userId && place.value.room === here.room
    if (isStillHere && text.value === '') show(found.text)
    else if (found.leftBy !== undefined) await giveBack(here, found.text, found.leftBy)
  }

  async function giveBack(here: DraftPlace, found: string, leftBy: string): Promise<void> {
    const isWrittenOver = place.value?.room === here.room && text.value !== ''
    if (isWrittenOver) await drafts.save({ ...here, tab: leftBy }, found)
  }

  function show(draft: string): void {
    isSwitching = true
    text.value = draft
    isSwitching = false
  }
}
