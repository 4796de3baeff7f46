# Builds pages of a timeline, holds them all, and drops them, as the feeds' jobs do.
class AllocatingWorker < RecordedWorker
  private

  def work(pages)
    Array.new(pages) { Timeline.page }.sum(&:bytesize)
  end
end
