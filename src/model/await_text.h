/* Until src/text lands: lets programs link without it. Goes with that commit. */
#pragma weak tn_tokenizer_open
#pragma weak tn_tokenizer_free
#pragma weak tn_tokenizer_vocab_size
#pragma weak tn_tokenizer_ids
#pragma weak tn_tokenizer_encode
