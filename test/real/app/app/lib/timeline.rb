require 'json'
require 'securerandom'
require 'time'

# Twenty statuses as the API gives them: strings of all sizes, hashes, and the text of it all.
module Timeline
  STATUSES = 20
  WORDS = %w[instance federates a picture of its owner's cat to everyone who follows].freeze

  def self.page
    text = JSON.generate(Array.new(STATUSES) { |index| status(index) })
    JSON.generate(JSON.parse(text))
  end

  def self.status(index)
    {
      id: Random.uuid,
      created_at: Time.now.utc.iso8601,
      content: "<p>#{Array.new(10 + Random.rand(150)) { WORDS.sample }.join(' ')}</p>",
      account: { username: "user#{index}", note: WORDS.shuffle.join(' ') * Random.rand(1..8), fields: Array.new(4) { { name: Random.uuid, value: Random.uuid } } },
      media: Array.new(Random.rand(5)) { { url: "https://files.example/#{Random.hex(16)}.jpg", blurhash: Random.hex(14), meta: { width: 1200, height: 800 } } },
      tags: WORDS.sample(3).map { |word| { name: word, url: "https://social.example/tags/#{word}" } },
    }
  end
end
