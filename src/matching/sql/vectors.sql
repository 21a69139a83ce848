select passages.kind, passages.text, embeddings.vector
from passages
left join embeddings on embeddings.text_hash = passages.text_hash and embeddings.model_hash = :model
where passages.mentor_number = :mentor
order by passages.position
