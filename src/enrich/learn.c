/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/learn.h"

int sf_learn_init(struct sf_learn *learn)
{
	struct sf_hash_key key;
	int code = sf_hash_key_random(&key);

	learn->key[0] = key.word[0];
	learn->key[1] = key.word[1];
	return code;
}

static uint64_t number_of(const uint8_t *mac)
{
	uint64_t number = 1;

	for (unsigned i = 0; i < 6; i++)
		number = number << 8 | mac[i];
	return number;
}

static unsigned bucket_of(const struct sf_learn *learn, uint64_t mac)
{
	return (unsigned)(sf_hash_multiply(mac ^ learn->key[0], learn->key[1]) % SF_LEARN_BUCKETS);
}

void sf_learn_add(struct sf_learn *learn, const uint8_t *mac, uint32_t interface, int64_t seen_ns)
{
	uint64_t number = number_of(mac);
	struct sf_learned *bucket, *place;

	if (mac[0] & 1 || number == UINT64_C(1) << 48)
		return;
	bucket = learn->entries[bucket_of(learn, number)];
	place = bucket;
	for (unsigned i = 0; i < SF_LEARN_WAYS; i++) {
		if (bucket[i].mac == number) {
			/* records do not leave in the order of their times */
			if (seen_ns < bucket[i].seen_ns)
				return;
			place = &bucket[i];
			break;
		}
		if (!bucket[i].mac || (place->mac && bucket[i].seen_ns < place->seen_ns))
			place = &bucket[i];
	}
	*place = (struct sf_learned){ number, seen_ns, interface };
}

uint32_t sf_learn_find(const struct sf_learn *learn, const uint8_t *mac, int64_t now_ns)
{
	uint64_t number = number_of(mac);
	const struct sf_learned *bucket = learn->entries[bucket_of(learn, number)];

	for (unsigned i = 0; i < SF_LEARN_WAYS; i++)
		if (bucket[i].mac == number && now_ns - bucket[i].seen_ns <= SF_LEARN_AGE_NS)
			return bucket[i].interface;
	return 0;
}
