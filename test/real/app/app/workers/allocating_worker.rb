# Builds pages of a timeline and parses them, holds it all, and drops it, as the feeds' jobs and those of federation do.
class AllocatingWorker < RecordedWorker
  private

  def work(pages)
    held = Array.new(pages) { Timeline.page }
    held.map { |page| JSON.parse(page).map { |status| Nokogiri::HTML.fragment(status['content']) } }.size
  end
end
