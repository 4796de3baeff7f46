class CreateNotes < ActiveRecord::Migration[6.1]
  def change
    create_table(:notes) { |table| table.text :text }
  end
end
