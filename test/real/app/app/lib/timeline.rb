require 'json'
require 'nokogiri'
require 'securerandom'
require 'time'

# Twenty statuses as the API returns them: strings of all sizes, hashes, and HTML that is parsed for its text.
module Timeline
  STATUSES = 20
  WORDS = %w[instance federates a picture of its owner's cat to everyone who follows].freeze

  def self.page
    statuses = JSON.parse(JSON.generate(Array.new(STATUSES) { |index| status(index) }))
    JSON.generate(statuses.map { |status| status.merge('text' => Nokogiri::HTML.fragment(status['content']).text) })
  end

  def self.status(index)
    {
      id: Random.uuid,
      created_at: Time.now.utc.iso8601,
      content: Array.new(Random.rand(1..8)) { "<p>#{sentence}<br><a href='https://social.example/@#{index}'>#{sentence}</a></p>" }.join,
      account: { username: "user#{index}", note: sentence, fields: Array.new(4) { { name: Random.uuid, value: Random.uuid } } },
      media: Array.new(Random.rand(5)) { { url: "https://files.example/#{Random.hex(16)}.jpg", blurhash: Random.hex(14), meta: { width: 1200, height: 800 } } },
      tags: WORDS.sample(3).map { |word| { name: word, url: "https://social.example/tags/#{word}" } },
    }
  end

  def self.sentence
    Array.new(Random.rand(3..30)) { WORDS.sample }.join(' ')
  end
end
