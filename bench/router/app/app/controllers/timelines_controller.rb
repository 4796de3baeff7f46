# The responses of a Mastodon client: a post with its replies, and a page of a timeline. Parses their HTML once more, as Mastodon does.
class TimelinesController < ActionController::API
  Random.srand(1)
  STATUSES = JSON.parse(JSON.generate(Array.new(Timeline::STATUSES) { |index| Timeline.status(index) })).freeze

  def context
    render json: { ancestors: [], descendants: STATUSES.first(4).map { |status| rendered(status) } }
  end

  def home
    render json: STATUSES.map { |status| rendered(status) }
  end

  private

  def rendered(status)
    status.merge('text' => Nokogiri::HTML.fragment(status['content']).text)
  end
end
