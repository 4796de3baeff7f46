# Builds pages of a timeline, parses them and drops them all, as the jobs for feeds and federation do.
class AllocatingWorker < RecordedWorker
  private

  def work(count)
    pages = Array.new(count) { Timeline.page }
    pages.map { |page| JSON.parse(page).map { |status| Nokogiri::HTML.fragment(status['content']) } }.size
  end
end
