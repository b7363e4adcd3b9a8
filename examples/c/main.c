/* Classifies a picture on an HWACC accelerator: ./classify PICTURE.ppm LABELS.txt
 *
 * The picture is a binary PPM of the model's size. Which device it is, the linked library decides: here, the simulated accelerator. */
#include <stdio.h>
#include <string.h>

#include "image_classification.h"

enum {
    HEIGHT = IMAGE_CLASSIFICATION_INPUT_0_DIM_1,
    WIDTH = IMAGE_CLASSIFICATION_INPUT_0_DIM_2,
    PIXELS = IMAGE_CLASSIFICATION_INPUT_0_ELEMENTS, /* three colours each */
    CLASSES = IMAGE_CLASSIFICATION_OUTPUT_0_ELEMENTS
};

/* Reads a picture as the model wants it, each colour less 128. Returns 0, or says what is wrong. */
static int read_picture(const char *path, int8_t pixels[PIXELS]) {
    unsigned char bytes[PIXELS];
    int width = 0, height = 0, i;
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path), 1;
    if (fscanf(file, "P6 %d %d 255%*1[ \n]", &width, &height) != 2 || width != WIDTH || height != HEIGHT ||
        fread(bytes, 1, PIXELS, file) != PIXELS) {
        fprintf(stderr, "%s: not a binary PPM picture of %dx%d pixels\n", path, WIDTH, HEIGHT);
        return fclose(file), 1;
    }
    fclose(file);
    for (i = 0; i < PIXELS; ++i) pixels[i] = (int8_t)(bytes[i] - 128);
    return 0;
}

/* Prints the score of every class, then the best one. */
static int print_scores(const char *labels, const int8_t scores[CLASSES]) {
    char names[CLASSES][32];
    int i, best = 0;
    FILE *file = fopen(labels, "r");
    if (!file) return perror(labels), 1;
    for (i = 0; i < CLASSES; ++i)
        if (fscanf(file, "%31s", names[i]) != 1) strcpy(names[i], "?");
    fclose(file);
    for (i = 0; i < CLASSES; ++i) {
        printf("%-10s %4d\n", names[i], scores[i]);
        if (scores[i] > scores[best]) best = i;
    }
    printf("It is a picture of: %s\n", names[best]);
    return 0;
}

/* Runs the model on an open device; what it took there, it gives back. */
static int classify(hwacc_device *device, const int8_t *pixels, int8_t *scores) {
    image_classification_model model;
    const void *inputs[] = {pixels};
    void *outputs[] = {scores};
    int code = image_classification_init(&model, device);
    if (code == HWACC_OK) code = image_classification_run(&model, inputs, outputs);
    if (code == HWACC_OK) printf("%llu cycles of the array\n", (unsigned long long)model.cycles);
    else fprintf(stderr, "hwacc: %s\n", hwacc_error());
    image_classification_free(&model);
    return code != HWACC_OK;
}

int main(int count, char **arguments) {
    int8_t pixels[PIXELS], scores[CLASSES];
    hwacc_device *device;
    int failed;
    if (count != 3) return fprintf(stderr, "usage: %s PICTURE.ppm LABELS.txt\n", arguments[0]), 2;
    if (read_picture(arguments[1], pixels)) return 1;
    if (hwacc_open(NULL, &device) != HWACC_OK) return fprintf(stderr, "hwacc: %s\n", hwacc_error()), 1;
    failed = classify(device, pixels, scores);
    hwacc_close(device);
    return failed || print_scores(arguments[2], scores);
}
